#include "admin_status.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "checkpoints.h"
#include "sql_text.h"
#include "stele/base/status.h"

namespace stele::projections_internal {
namespace {

absl::StatusOr<ProjectionVersionStatus> VersionStatus(EventStore& store,
                                                      const RegistryRow& row,
                                                      const VersionRow& version,
                                                      std::int64_t head) {
  ProjectionVersionStatus status;
  status.version = version.version;
  status.fingerprint = version.fingerprint;
  status.table = version.table;
  if (version.feed == Feed::kAppends) {
    status.position = head;
    status.is_kept_current = version.state == VersionState::kActive;
    return status;
  }
  status.consumer = version.consumer;
  STELE_ASSIGN_OR_RETURN(const Checkpoints now,
                         ReadCheckpoints(store, version.consumer));
  status.position = now.Least(version.start_position);
  status.parked_keys = now.parked_keys;
  status.is_paused = now.is_paused;
  const bool is_served = std::any_of(
      row.processes.begin(), row.processes.end(), [&](const ProcessRow& p) {
        return p.fingerprint == version.fingerprint;
      });
  status.is_kept_current =
      is_served &&
      (version.state != VersionState::kPrevious || version.is_warm);
  return status;
}

BuildProgress Progress(const RegistryRow& row,
                       const ProjectionVersionStatus& building,
                       std::int64_t head) {
  BuildProgress progress;
  progress.phase =
      row.is_builder_alive ? row.build_phase : "waiting: no process leads it";
  progress.position = building.position;
  progress.target = head;
  progress.positions_per_second = row.build_rate;
  progress.started_at = row.build_started_at;
  const auto left = static_cast<double>(head - building.position);
  if (left <= 0) {
    progress.time_left = absl::ZeroDuration();
  } else if (row.build_rate > 0) {
    progress.time_left = absl::Seconds(left / row.build_rate);
  }
  return progress;
}

void AddProcesses(const RegistryRow& row, ProjectionStatus& status) {
  for (const ProcessRow& process : row.processes) {
    if (!process.last_error.empty()) {
      status.problems.push_back(
          absl::StrCat(process.process, ": ", process.last_error));
    }
    (process.fingerprint == status.active.fingerprint ? status.processes
                                                      : status.other_processes)
        .push_back(process.process);
  }
}

}  // namespace

absl::StatusOr<ProjectionStatus> StatusOf(EventStore& store,
                                          const RegistryRow& row) {
  ProjectionStatus status;
  status.name = row.name;
  status.view = QuoteTable(row.read_schema, row.view);
  status.is_inline = row.is_inline;
  STELE_ASSIGN_OR_RETURN(status.head, store.Head());
  if (const VersionRow* active = row.active_version()) {
    STELE_ASSIGN_OR_RETURN(status.active,
                           VersionStatus(store, row, *active, status.head));
  }
  if (const VersionRow* previous = row.Version(row.previous)) {
    STELE_ASSIGN_OR_RETURN(status.previous,
                           VersionStatus(store, row, *previous, status.head));
  }
  if (const VersionRow* building = row.Version(row.building)) {
    STELE_ASSIGN_OR_RETURN(status.building,
                           VersionStatus(store, row, *building, status.head));
    status.progress = Progress(row, *status.building, status.head);
  }
  status.is_rebuild_requested = row.requested_fingerprint.has_value();
  status.last_error = row.last_error;
  status.comparison = row.comparison;
  status.switched_at = row.switched_at;
  AddProcesses(row, status);
  return status;
}

}  // namespace stele::projections_internal
