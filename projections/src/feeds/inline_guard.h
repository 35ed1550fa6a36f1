#ifndef STELE_PROJECTIONS_SRC_FEEDS_INLINE_GUARD_H_
#define STELE_PROJECTIONS_SRC_FEEDS_INLINE_GUARD_H_

#include <string>

#include "absl/status/status.h"
#include "stele/eventstore/event_store.h"

namespace stele::projections_internal {

// Registry::Guard() has an append refused that a process makes which does not
// have the inline projection. Appends that were under way when a guard was
// raised may have overlooked it: this waits until they have ended, so that a
// position taken by such an append is there to be seen. Nothing to do for what
// is not inline.
//
// REQUIRES: the guard's transaction has committed.
//   kAborted  they have not ended in a second.
absl::Status AwaitGuarded(EventStore& store, const std::string& projection);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_FEEDS_INLINE_GUARD_H_
