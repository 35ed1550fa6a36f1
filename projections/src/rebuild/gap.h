#ifndef STELE_PROJECTIONS_SRC_REBUILD_GAP_H_
#define STELE_PROJECTIONS_SRC_REBUILD_GAP_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "checkpoints.h"
#include "registry.h"
#include "stele/eventstore/event_store.h"

namespace stele::projections_internal {

// A version this close to what it is to replace has caught up in a moment.
inline constexpr std::int64_t kNearPositions = 5000;

// True iff every event that `other` has handled is handled by `here`, too,
// where both give an event the same key. With as many slots, it is then in the
// same one of both.
bool CoversBySlot(const Checkpoints& here, const Checkpoints& other);

// How far `target` is behind `active`, as `tx` sees it now, in positions or
// events; 0 = no reader of `active` would go back in time with `target`. With
// `target` = `active`: how far it is behind the log. On the connection of `tx`
// alone; throws what libpqxx throws.
absl::StatusOr<std::int64_t> MeasureGap(EventStore& store, Transaction& tx,
                                        const VersionRow& active,
                                        const VersionRow& target);

// Whether `target` shows all that `active` shows of the keys that are parked.
//   kFailedPrecondition  a key is parked in `target` before events that
//   `active`
//                        shows.
absl::Status CheckParked(EventStore& store, Transaction& tx,
                         const VersionRow& active, const VersionRow& target);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_REBUILD_GAP_H_
