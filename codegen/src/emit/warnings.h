#ifndef STELE_CODEGEN_EMIT_WARNINGS_H_
#define STELE_CODEGEN_EMIT_WARNINGS_H_

#include <string>

#include "model/model.h"

namespace stele::codegen {

// `code` of the header of `file`, with those warnings off that compilers would
// give because of names which the user chose:
//
//   -Wdeprecated-declarations  what a .proto marks as deprecated stays in the
//                              model as long as events of it are stored;
//   -Wshadow                   extensions are variables of the namespace, and
//                              may be called like parameters.
std::string WithoutWarnings(const File& file, const std::string& code);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_WARNINGS_H_
