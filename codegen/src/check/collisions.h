#ifndef STELE_CODEGEN_CHECK_COLLISIONS_H_
#define STELE_CODEGEN_CHECK_COLLISIONS_H_

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// Adds to `problems` each name that generating code for a wanted file of
// `model` would define twice, or that would hide a namespace which generated
// code uses.
void CheckCollisions(const Model& model, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_COLLISIONS_H_
