#ifndef STELE_CODEGEN_CHECK_READ_MODELS_H_
#define STELE_CODEGEN_CHECK_READ_MODELS_H_

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// What is wrong with `message`, which is a read model.
void CheckReadModel(const Message& message, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_READ_MODELS_H_
