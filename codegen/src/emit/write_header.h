#ifndef STELE_CODEGEN_EMIT_WRITE_HEADER_H_
#define STELE_CODEGEN_EMIT_WRITE_HEADER_H_

#include <string>

#include "model/model.h"

namespace stele::codegen {

// The text of the .stele.h of `file`, which must be valid. Depends on nothing
// but the model: the same model gives the same bytes.
std::string WriteHeader(const File& file);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_WRITE_HEADER_H_
