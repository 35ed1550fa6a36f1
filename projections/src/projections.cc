#include "stele/projections/projections.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "projections_impl.h"
#include "rows/row_readers.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/base/uuid.h"

namespace stele {
namespace projections_internal {
namespace {

using Problems = std::vector<absl::Status>;

void Require(bool holds, std::string_view what, Problems& problems) {
  if (!holds) problems.push_back(absl::InvalidArgumentError(ToAbsl(what)));
}

Problems CheckOptions(const ProjectionsOptions& options) {
  Problems problems;
  if (!options.read_schema.empty()) {
    problems.push_back(CheckName("read_schema", options.read_schema));
  }
  Require(options.slots >= 1 && options.slots <= 1024,
          "slots must be 1 to 1024", problems);
  Require(options.batch_events_max >= 1, "batch_events_max must be at least 1",
          problems);
  Require(options.build_batch_events_max >= 1,
          "build_batch_events_max must be at least 1", problems);
  Require(options.tries_before_parking >= 1,
          "tries_before_parking must be at least 1", problems);
  Require(options.poll > absl::ZeroDuration(), "poll must be positive",
          problems);
  Require(options.lease > absl::ZeroDuration(), "lease must be positive",
          problems);
  Require(options.handle_time_max > absl::ZeroDuration(),
          "handle_time_max must be positive", problems);
  Require(options.switch_pause_max > absl::ZeroDuration(),
          "switch_pause_max must be positive", problems);
  Require(options.switch_lock_timeout > absl::ZeroDuration(),
          "switch_lock_timeout must be positive", problems);
  return problems;
}

std::vector<PlannedProjection> Plan(std::vector<ProjectionSetup> setups,
                                    Problems& problems) {
  std::vector<PlannedProjection> planned;
  std::set<std::string> names;
  std::set<std::string> tables;
  for (ProjectionSetup& setup : setups) {
    const std::string name = setup.type.name;
    const std::string table = setup.type.table;
    auto projection = MakeProjection(std::move(setup.type));
    if (projection.ok()) {
      planned.push_back({*std::move(projection), setup.is_inline});
    } else {
      problems.push_back(projection.status());
    }
    Require(names.insert(name).second && tables.insert(table).second,
            ToStd(absl::StrCat("two projections are named ", name,
                               " or have the table ", table)),
            problems);
  }
  return planned;
}

}  // namespace

ConsumerOptions ConsumerOptionsFor(const Projection& projection,
                                   const ProjectionsOptions& options) {
  ConsumerOptions consumer;
  consumer.slots = projection.type.is_in_log_order ? 1 : options.slots;
  consumer.types = projection.event_types;
  consumer.batch_events_max = options.batch_events_max;
  consumer.lease = options.lease;
  consumer.handle_time_max = options.handle_time_max;
  consumer.tries_before_parking = options.tries_before_parking;
  consumer.park_backoff = options.park_backoff;
  consumer.metrics = options.metrics;
  consumer.clock = options.clock;
  return consumer;
}

}  // namespace projections_internal

absl::StatusOr<std::unique_ptr<Projections>> Projections::Create(
    EventStore& store, std::vector<ProjectionSetup> setups,
    ProjectionsOptions options) {
  using projections_internal::HasSql;
  projections_internal::Problems problems =
      projections_internal::CheckOptions(options);
  auto planned = projections_internal::Plan(std::move(setups), problems);
  STELE_RETURN_IF_ERROR(projections_internal::AllOf(problems));
  if (options.process.empty()) options.process = RandomIds().Next().ToString();
  STELE_ASSIGN_OR_RETURN(const bool has_sql, HasSql(store));
  return has_sql ? projections_internal::MakeSqlProjections(
                       store, std::move(planned), std::move(options))
                 : projections_internal::MakeMemoryProjections(
                       store, std::move(planned), std::move(options));
}

}  // namespace stele
