#ifndef STELE_SAGAS_SRC_CALL_USER_H_
#define STELE_SAGAS_SRC_CALL_USER_H_

#include "absl/status/statusor.h"
#include "fold.h"
#include "instance.h"
#include "stele/sagas/next.h"
#include "stele/sagas/saga_type.h"

namespace stele::sagas_internal {

// Has the user's code handle `input`, which changes the state of `instance`.
// The answer to an undo is none of its business, and leads on by itself.
//
// Errors:
//   kInternal         the user's code threw.
//   kDataLoss         stored bytes cannot be read.
//   kInvalidArgument  it has no handler for that.
absl::StatusOr<Next> CallUser(const SagaType& type, SagaInstance& instance,
                              const SagaInput& input);

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_CALL_USER_H_
