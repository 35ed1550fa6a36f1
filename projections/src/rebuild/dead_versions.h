#ifndef STELE_PROJECTIONS_SRC_REBUILD_DEAD_VERSIONS_H_
#define STELE_PROJECTIONS_SRC_REBUILD_DEAD_VERSIONS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "stele/eventstore/event_store.h"

namespace stele::projections_internal {

// Drops the tables of versions that are marked as dropped and forgets their
// consumers. Errors leave the rest for the next call.
absl::Status DropDeadVersions(EventStore& store, const std::string& projection,
                              absl::Duration lock_timeout);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_REBUILD_DEAD_VERSIONS_H_
