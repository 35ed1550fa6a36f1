#ifndef STELE_AGGREGATES_SRC_SETTLED_APPEND_H_
#define STELE_AGGREGATES_SRC_SETTLED_APPEND_H_

#include "absl/status/statusor.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// Appends `request`, which names an exact version or at least the command that
// it answers, and asks again with the same
// event ids for as long as the outcome is in doubt. `was_in_doubt` is set if it
// ever was.
//
// Errors: those of the append; kUnknown if it is still in doubt after all
// retries. Any other says for certain that nothing was or will be written,
// except when `was_in_doubt` is set and it is not a version conflict.
absl::StatusOr<AppendResult> AppendUntilSettled(
    EventStore& store, const AppendRequest& request,
    const DispatcherOptions& options, bool& was_in_doubt);

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_SETTLED_APPEND_H_
