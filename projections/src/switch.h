#ifndef STELE_PROJECTIONS_SRC_SWITCH_H_
#define STELE_PROJECTIONS_SRC_SWITCH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry.h"
#include "stele/eventstore/event_store.h"

namespace stele::projections_internal {

struct SwitchOptions {
  absl::Duration pause_max = absl::Milliseconds(250);
  absl::Duration lock_timeout = absl::Milliseconds(100);
  absl::Duration keep_warm = absl::Hours(24);
  std::string comparison;  // Noted in the registry.
};

// Makes version `to` the one that the public name shows, in one transaction:
//
//   1. holds back whatever fills the active table (appends, if inline; the
//      feed's batches, otherwise), so that it stands still;
//   2. waits until `to` has everything that the active table has, so that no
//      reader ever goes back in time;
//   3. replaces the view and records the change.
//
// The active version becomes the previous one, a previous one before it is to
// be dropped. With `to` already active, only an inline projection's feed
// changes: from the log to appends.
//
// Any error leaves everything as it was. kAborted, kUnavailable and
// kDeadlineExceeded ask to be tried again (a lock could not be had in time, or
// `to` could not catch up in the pause allowed); others do not.
absl::Status SwitchTo(EventStore& store, const std::string& projection, int to,
                      const SwitchOptions& options);

// Drops the tables of versions that are marked as dropped and forgets their
// consumers. Errors leave the rest for the next call.
absl::Status DropDeadVersions(EventStore& store, const std::string& projection,
                              absl::Duration lock_timeout);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_SWITCH_H_
