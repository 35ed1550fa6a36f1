#ifndef STELE_PROJECTIONS_SRC_STOP_WAIT_H_
#define STELE_PROJECTIONS_SRC_STOP_WAIT_H_

#include <stop_token>

#include "absl/time/time.h"

namespace stele::projections_internal {

// Waits until `stop` is requested or `at_most` has passed. True iff it is
// requested.
bool WaitForStop(const std::stop_token& stop, absl::Duration at_most);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_STOP_WAIT_H_
