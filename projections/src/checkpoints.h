#ifndef STELE_PROJECTIONS_SRC_CHECKPOINTS_H_
#define STELE_PROJECTIONS_SRC_CHECKPOINTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "registry.h"
#include "stele/eventstore/event_store.h"

namespace stele::projections_internal {

// How far a consumer is, by slot.
struct Checkpoints {
  std::vector<std::int64_t> positions;  // Empty if it is not registered yet.
  std::int64_t parked_keys = 0;
  bool is_paused = false;

  // `start` if it is not registered yet.
  std::int64_t Least(std::int64_t start) const;
  std::int64_t Most(std::int64_t start) const;
};

absl::StatusOr<Checkpoints> ReadCheckpoints(EventStore& store,
                                            const std::string& consumer);
// As `tx` sees them now, on its own connection.
absl::StatusOr<Checkpoints> ReadCheckpoints(EventStore& store, Transaction& tx,
                                            const std::string& consumer);

// The last position that a committed event has, in a statement of its own. The
// head of the log may be behind it.
std::int64_t LastPosition(Transaction& tx);

// Waits on the calling thread; for polling what other processes do.
void Pause(absl::Duration duration);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_CHECKPOINTS_H_
