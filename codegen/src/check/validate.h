#ifndef STELE_CODEGEN_CHECK_VALIDATE_H_
#define STELE_CODEGEN_CHECK_VALIDATE_H_

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// Adds to `problems` every mistake in the wanted files of `model`, which has
// been linked, that linking could not see. If there is none at all, code can be
// written for them.
void ValidateModel(const Model& model, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_VALIDATE_H_
