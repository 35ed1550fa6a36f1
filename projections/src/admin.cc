#include "stele/projections/admin.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "checkpoints.h"
#include "registry.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer_storage.h"
#include "switch.h"

namespace stele {
namespace projections_internal {
namespace {

// How long a table that is wanted back is kept current meanwhile.
constexpr char kWarmAgainFor[] = "1 hour";
constexpr absl::Duration kDropBudget = absl::Seconds(5);
constexpr absl::Duration kLockTimeout = absl::Milliseconds(100);

absl::Status NoProjection(const std::string& name) {
  return absl::NotFoundError(absl::StrCat("no projection ", Quoted(name),
                                          " is registered in this store"));
}

class SqlProjectionAdmin : public ProjectionAdmin {
 public:
  explicit SqlProjectionAdmin(EventStore& store) : store_(store) {}

  absl::StatusOr<std::vector<ProjectionStatus>> List() override {
    std::vector<std::string> names;
    STELE_RETURN_IF_ERROR(InSql([&](Registry& registry) {
      names = registry.Names();
      return absl::OkStatus();
    }));
    std::vector<ProjectionStatus> statuses;
    for (const std::string& name : names) {
      absl::StatusOr<ProjectionStatus> status = Status(name);
      if (absl::IsNotFound(status.status())) continue;
      if (!status.ok()) return status.status();
      statuses.push_back(*std::move(status));
    }
    return statuses;
  }

  absl::StatusOr<ProjectionStatus> Status(const std::string& name) override {
    STELE_ASSIGN_OR_RETURN(const RegistryRow row, Find(name));
    ProjectionStatus status;
    status.name = row.name;
    status.view = QuoteTable(row.read_schema, row.view);
    status.is_inline = row.is_inline;
    STELE_ASSIGN_OR_RETURN(status.head, store_.Head());
    if (const VersionRow* active = row.active_version()) {
      STELE_ASSIGN_OR_RETURN(status.active,
                             VersionStatus(row, *active, status.head));
    }
    if (const VersionRow* previous = row.Version(row.previous)) {
      STELE_ASSIGN_OR_RETURN(status.previous,
                             VersionStatus(row, *previous, status.head));
    }
    if (const VersionRow* building = row.Version(row.building)) {
      STELE_ASSIGN_OR_RETURN(status.building,
                             VersionStatus(row, *building, status.head));
      status.progress = Progress(row, *status.building, status.head);
    }
    status.is_rebuild_requested = row.requested_fingerprint.has_value();
    status.last_error = row.last_error;
    status.comparison = row.comparison;
    status.switched_at = row.switched_at;
    for (const ProcessRow& process : row.processes) {
      (process.fingerprint == status.active.fingerprint
           ? status.processes
           : status.other_processes)
          .push_back(process.process);
    }
    return status;
  }

  absl::Status RequestRebuild(const std::string& name,
                              const std::string& fingerprint) override {
    return Change(name, [&](Registry& registry, const RegistryRow& row) {
      STELE_RETURN_IF_ERROR(CheckNoBuild(row));
      const std::string wanted =
          fingerprint.empty() ? row.active_version()->fingerprint : fingerprint;
      STELE_RETURN_IF_ERROR(CheckServed(row, wanted));
      registry.sql().exec_params(
          absl::StrCat("UPDATE ", registry.Table("projections"),
                       " SET requested_fingerprint = $2, "
                       "requested_at = clock_timestamp(), last_error = '' "
                       "WHERE name = $1"),
          name, wanted);
      return absl::OkStatus();
    });
  }

  absl::Status Abort(const std::string& name) override {
    STELE_RETURN_IF_ERROR(Change(name, [&](Registry& registry,
                                           const RegistryRow& row) {
      if (!row.building.has_value() && !row.requested_fingerprint.has_value()) {
        return absl::FailedPreconditionError(
            absl::StrCat("no rebuild of projection ", name, " is under way"));
      }
      if (row.building.has_value()) {
        registry.SetState(name, *row.building, VersionState::kDropped);
      }
      registry.sql().exec_params(
          absl::StrCat("UPDATE ", registry.Table("projections"),
                       " SET building = NULL, "
                       "requested_fingerprint = NULL, "
                       "requested_at = NULL, builder = NULL, "
                       "builder_until = NULL, build_phase = '', "
                       "last_error = 'aborted' WHERE name = $1"),
          name);
      return absl::OkStatus();
    }));
    return DropNow(name);
  }

  absl::Status Undo(const std::string& name, absl::Time deadline) override {
    STELE_RETURN_IF_ERROR(WarmPrevious(name));
    STELE_ASSIGN_OR_RETURN(const RegistryRow before, Find(name));
    if (!before.previous.has_value()) return NothingToUndo(name);
    const int to = *before.previous;
    Backoff backoff({absl::Milliseconds(20), absl::Milliseconds(500)});
    while (true) {
      SwitchOptions options;
      options.comparison = "undone: back to the table before";
      const absl::Status switched = SwitchTo(store_, name, to, options);
      if (switched.ok() || !IsTransient(switched)) return switched;
      const absl::Duration left = deadline - SystemClock().Now();
      if (left <= absl::ZeroDuration()) {
        return absl::DeadlineExceededError(absl::StrCat(
            "the previous table of projection ", name,
            " could not be switched to in time; it is kept current only by "
            "processes with the code ",
            before.Version(to)->fingerprint, " (", switched.message(), ")"));
      }
      Pause(std::min(backoff.Next(), left));
    }
  }

 private:
  template <typename Work>
  absl::Status InSql(Work work) {
    return store_.Transact([&](Transaction& tx) {
      return RunSql([&]() -> absl::Status {
        Registry registry(tx);
        return work(registry);
      });
    });
  }

  // Runs `work` on a projection while nobody else changes it.
  template <typename Work>
  absl::Status Change(const std::string& name, Work work) {
    return InSql([&](Registry& registry) -> absl::Status {
      registry.LockChanges();
      const std::optional<RegistryRow> row = registry.Find(name);
      if (!row.has_value() || row->active_version() == nullptr) {
        return NoProjection(name);
      }
      return work(registry, *row);
    });
  }

  absl::StatusOr<RegistryRow> Find(const std::string& name) {
    std::optional<RegistryRow> row;
    STELE_RETURN_IF_ERROR(InSql([&](Registry& registry) {
      row = registry.Find(name);
      return absl::OkStatus();
    }));
    if (!row.has_value()) return NoProjection(name);
    return *std::move(row);
  }

  absl::StatusOr<ProjectionVersionStatus> VersionStatus(
      const RegistryRow& row, const VersionRow& version, std::int64_t head) {
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
                           ReadCheckpoints(store_, version.consumer));
    status.position = now.Least(version.start_position);
    status.parked_keys = now.parked_keys;
    const bool is_served = std::any_of(
        row.processes.begin(), row.processes.end(), [&](const ProcessRow& p) {
          return p.fingerprint == version.fingerprint;
        });
    status.is_kept_current =
        is_served &&
        (version.state != VersionState::kPrevious || version.is_warm);
    return status;
  }

  static BuildProgress Progress(const RegistryRow& row,
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

  static absl::Status CheckNoBuild(const RegistryRow& row) {
    if (!row.building.has_value() && !row.requested_fingerprint.has_value()) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "a rebuild of projection ", row.name,
        " is under way already; abort it first, or let it finish"));
  }

  static absl::Status CheckServed(const RegistryRow& row,
                                  const std::string& fingerprint) {
    std::vector<std::string> others;
    for (const ProcessRow& process : row.processes) {
      if (process.fingerprint == fingerprint) return absl::OkStatus();
      others.push_back(
          absl::StrCat(process.process, " (", process.fingerprint, ")"));
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "no live process has the code ", fingerprint, " of projection ",
        row.name, ": start the service that runs it; alive: ",
        others.empty() ? "none" : absl::StrJoin(others, ", ")));
  }

  static absl::Status NothingToUndo(const std::string& name) {
    return absl::FailedPreconditionError(absl::StrCat(
        "projection ", name,
        " has no previous table: it was never switched, or the next rebuild "
        "has dropped it"));
  }

  // Has processes with its code keep the previous version current again.
  absl::Status WarmPrevious(const std::string& name) {
    return Change(name, [&](Registry& registry, const RegistryRow& row) {
      STELE_RETURN_IF_ERROR(CheckNoBuild(row));
      if (!row.previous.has_value()) return NothingToUndo(name);
      registry.sql().exec_params(
          absl::StrCat("UPDATE ", registry.Table("projection_versions"),
                       " SET warm_until = greatest(warm_until, "
                       "clock_timestamp() + $3::interval) "
                       "WHERE name = $1 AND version = $2"),
          name, *row.previous, std::string(kWarmAgainFor));
      return absl::OkStatus();
    });
  }

  // Retries while a reader or a batch holds the table. What is left is dropped
  // by a process that serves the projection.
  absl::Status DropNow(const std::string& name) {
    const absl::Time deadline = SystemClock().Now() + kDropBudget;
    Backoff backoff({absl::Milliseconds(20), absl::Milliseconds(200)});
    while (true) {
      const absl::Status dropped = DropDeadVersions(store_, name, kLockTimeout);
      if (dropped.ok() || !IsTransient(dropped)) return dropped;
      if (SystemClock().Now() >= deadline) return absl::OkStatus();
      Pause(backoff.Next());
    }
  }

  EventStore& store_;
};

}  // namespace
}  // namespace projections_internal

absl::StatusOr<std::unique_ptr<ProjectionAdmin>> ProjectionAdmin::Create(
    EventStore& store) {
  STELE_RETURN_IF_ERROR(projections_internal::CheckHasRegistry(store));
  return std::make_unique<projections_internal::SqlProjectionAdmin>(store);
}

}  // namespace stele
