#ifndef STELE_PROJECTIONS_SRC_PROJECTIONS_IMPL_H_
#define STELE_PROJECTIONS_SRC_PROJECTIONS_IMPL_H_

#include <memory>
#include <vector>

#include "projection.h"
#include "stele/projections/projections.h"

namespace stele::projections_internal {

// A projection and how it is to be run.
struct PlannedProjection {
  std::shared_ptr<const Projection> projection;
  bool is_inline = false;
};

// On a store without SQL.
absl::StatusOr<std::unique_ptr<Projections>> MakeMemoryProjections(
    EventStore& store, std::vector<PlannedProjection> planned,
    ProjectionsOptions options);

// On PostgreSQL.
absl::StatusOr<std::unique_ptr<Projections>> MakeSqlProjections(
    EventStore& store, std::vector<PlannedProjection> planned,
    ProjectionsOptions options);

inline Clock& ClockOf(const ProjectionsOptions& options) {
  return options.clock != nullptr ? *options.clock : SystemClock();
}

inline Metrics& MetricsOf(const ProjectionsOptions& options) {
  return options.metrics != nullptr ? *options.metrics : NoMetrics();
}

// What a consumer of this projection is told, but for its name and where it
// begins.
ConsumerOptions ConsumerOptionsFor(const Projection& projection,
                                   const ProjectionsOptions& options);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_PROJECTIONS_IMPL_H_
