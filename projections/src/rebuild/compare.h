#ifndef STELE_PROJECTIONS_SRC_REBUILD_COMPARE_H_
#define STELE_PROJECTIONS_SRC_REBUILD_COMPARE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "registry.h"
#include "stele/eventstore/event_store.h"

namespace stele::projections_internal {

// Says how the rows of two versions differ, in words; nullopt if they do not
// hold the same events now. Compares the columns that both have, in one
// statement, so in one snapshot.
//   kResourceExhausted  the tables are larger than `rows_max`.
absl::StatusOr<std::optional<std::string>> CompareVersions(
    EventStore& store, const RegistryRow& row, const VersionRow& live,
    const VersionRow& built, const Projection& projection,
    std::int64_t rows_max);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_REBUILD_COMPARE_H_
