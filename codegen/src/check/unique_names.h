#ifndef STELE_CODEGEN_CHECK_UNIQUE_NAMES_H_
#define STELE_CODEGEN_CHECK_UNIQUE_NAMES_H_

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// Adds to `problems` each name that must differ within all that is seen
// together, but does not: categories, stored names, tables, names of read
// models and sagas.
void CheckUniqueNames(const Model& model, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_UNIQUE_NAMES_H_
