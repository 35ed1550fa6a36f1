#ifndef STELE_SAGAS_SRC_STEP_CHECKS_H_
#define STELE_SAGAS_SRC_STEP_CHECKS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "instance.h"
#include "stele/envelope.pb.h"
#include "stele/sagas/next.h"
#include "stele/sagas/saga_type.h"

namespace stele::sagas_internal {

// What a step must not hold, for it could not be read, sent or stored. Each
// returns kInvalidArgument and says what it is, and of which step.

// Commands or undos with text that is no UTF-8.
absl::Status CheckCommands(const SagaType& type, const SagaInstance& instance,
                           const Next& next);
// A state with such text.
absl::Status CheckReadable(const SagaType& type, const SagaInstance& instance,
                           const SagaStepped& step);
// More bytes than an event may have; more steps than `steps_max`.
absl::Status CheckSize(const SagaType& type, const SagaInstance& instance,
                       const SagaStepped& step, std::int64_t steps_max);

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_STEP_CHECKS_H_
