#ifndef STELE_PROJECTIONS_SRC_REBUILD_SWITCH_H_
#define STELE_PROJECTIONS_SRC_REBUILD_SWITCH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry.h"
#include "stele/base/clock.h"
#include "stele/eventstore/event_store.h"

namespace stele::projections_internal {

struct SwitchOptions {
  absl::Duration pause_max = absl::Milliseconds(250);
  absl::Duration lock_timeout = absl::Milliseconds(100);
  absl::Duration keep_warm = absl::Hours(24);
  Clock* clock = &SystemClock();
};

// Makes version `to` the one that the public name shows, in one transaction and
// on one connection:
//
//   1. holds back whatever fills the active table (appends, if inline; the
//      feed's batches, otherwise), so that it stands still;
//   2. waits until `to` has everything that the active table has, so that no
//      reader ever goes back in time;
//   3. replaces the view and records the change.
//
// Writers are held back for `pause_max` at most; should this process hang or be
// stopped meanwhile, the server ends the transaction after a second more.
//
// The active version becomes the previous one, a previous one before it is to
// be dropped. With `to` already active, only an inline projection's feed
// changes: from the log, which goes on meanwhile, to appends. `comparison` is
// noted in the registry.
//
// Any error leaves everything as it was. kAborted, kUnavailable and
// kDeadlineExceeded ask to be tried again (a lock could not be had in time, or
// `to` could not catch up in the pause allowed); others do not.
absl::Status SwitchTo(EventStore& store, const std::string& projection, int to,
                      const SwitchOptions& options,
                      const std::string& comparison);

// A switch that is tried again and again, so that what it holds back gets on:
// not before a look without any lock has found `to` near; and after each try
// that failed, not for a while that doubles up to twenty times `pause_max`.
//
// Not thread-safe: one thread at a time.
class Switcher {
 public:
  // `store` must outlive it.
  Switcher(EventStore& store, std::string projection, int to,
           const SwitchOptions& options);

  const std::string& projection() const { return projection_; }
  int to() const { return to_; }

  // Errors as for SwitchTo(); also kAborted if it is not yet time.
  absl::Status Try(const std::string& comparison);

 private:
  EventStore& store_;
  const std::string projection_;
  const int to_;
  const SwitchOptions options_;
  absl::Duration wait_;
  absl::Time next_try_ = absl::InfinitePast();
  absl::Time next_bold_try_;  // Although it is a little behind.
};

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_REBUILD_SWITCH_H_
