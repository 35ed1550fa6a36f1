#include "stele/projections/projections.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "projections_impl.h"
#include "row_readers.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"

namespace stele {
namespace projections_internal {
namespace {

absl::Status CheckOptions(const ProjectionsOptions& options) {
  if (!options.read_schema.empty()) {
    STELE_RETURN_IF_ERROR(CheckName("read_schema", options.read_schema));
  }
  if (options.slots < 1 || options.slots > 1024) {
    return absl::InvalidArgumentError("slots must be 1 to 1024");
  }
  if (options.batch_events_max < 1 || options.build_batch_events_max < 1) {
    return absl::InvalidArgumentError(
        "batch_events_max and build_batch_events_max must be at least 1");
  }
  if (options.poll <= absl::ZeroDuration() ||
      options.lease <= absl::ZeroDuration() ||
      options.handle_time_max <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        "poll, lease and handle_time_max must be positive");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PlannedProjection>> Plan(
    std::vector<ProjectionSetup> setups) {
  std::vector<PlannedProjection> planned;
  std::set<std::string> names;
  std::set<std::string> tables;
  for (ProjectionSetup& setup : setups) {
    STELE_ASSIGN_OR_RETURN(auto projection,
                           MakeProjection(std::move(setup.type)));
    if (!names.insert(projection->type.name).second ||
        !tables.insert(projection->type.table).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("two projections are named ", projection->type.name,
                       " or have the table ", projection->type.table));
    }
    planned.push_back({std::move(projection), setup.is_inline});
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
  return consumer;
}

}  // namespace projections_internal

absl::StatusOr<std::unique_ptr<Projections>> Projections::Create(
    EventStore& store, std::vector<ProjectionSetup> setups,
    ProjectionsOptions options) {
  using projections_internal::HasSql;
  STELE_RETURN_IF_ERROR(projections_internal::CheckOptions(options));
  STELE_ASSIGN_OR_RETURN(auto planned,
                         projections_internal::Plan(std::move(setups)));
  if (options.process.empty()) options.process = RandomIds().Next().ToString();
  STELE_ASSIGN_OR_RETURN(const bool has_sql, HasSql(store));
  return has_sql ? projections_internal::MakeSqlProjections(
                       store, std::move(planned), std::move(options))
                 : projections_internal::MakeMemoryProjections(
                       store, std::move(planned), std::move(options));
}

}  // namespace stele
