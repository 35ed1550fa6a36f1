#ifndef STELE_SAGAS_SRC_ENGINE_OPTIONS_H_
#define STELE_SAGAS_SRC_ENGINE_OPTIONS_H_

#include "absl/status/status.h"
#include "stele/sagas/saga_engine.h"

namespace stele::sagas_internal {

// kInvalidArgument, with what is allowed, if an option is out of bounds.
absl::Status CheckOptions(const SagaEngineOptions& options);

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_ENGINE_OPTIONS_H_
