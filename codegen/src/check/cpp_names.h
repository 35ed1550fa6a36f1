#ifndef STELE_CODEGEN_CHECK_CPP_NAMES_H_
#define STELE_CODEGEN_CHECK_CPP_NAMES_H_

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// Adds to `problems` what Protocol Buffers accepts in `file`, but turns into
// C++ that does not compile or that Stele cannot use.
void CheckCppNames(const File& file, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_CPP_NAMES_H_
