#ifndef STELE_CODEGEN_CHECK_LOOKUP_H_
#define STELE_CODEGEN_CHECK_LOOKUP_H_

#include <string>

#include "model/model.h"

namespace stele::codegen {

// What names that are written in options mean.

// True iff `name` is written in full, with a leading dot.
bool IsAbsolute(const std::string& name);

// The message that `written` means in `scope`, wherever it is declared. Null if
// there is none.
Message* Find(const Model& model, const std::string& written,
              const Message& scope);

using HasRole = bool (*)(const Message&);

// "did you mean "Account"?", of what `has_role` and can be seen in `scope`, or
// else `otherwise`.
std::string Suggest(const Model& model, const Message& scope,
                    const std::string& written, HasRole has_role,
                    const std::string& otherwise);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_LOOKUP_H_
