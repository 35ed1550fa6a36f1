#ifndef STELE_CODEGEN_CHECK_SAGAS_H_
#define STELE_CODEGEN_CHECK_SAGAS_H_

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// What is wrong with `message`, which is a saga.
void CheckSaga(const Message& message, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_SAGAS_H_
