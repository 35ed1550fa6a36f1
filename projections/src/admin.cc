#include "stele/projections/admin.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "admin_status.h"
#include "checkpoints.h"
#include "rebuild/dead_versions.h"
#include "rebuild/switch.h"
#include "registration.h"
#include "registry.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele {
namespace projections_internal {
namespace {

// How long a table that is wanted back is kept current meanwhile.
constexpr char kWarmAgainFor[] = "1 hour";
constexpr absl::Duration kDropBudget = absl::Seconds(5);
constexpr absl::Duration kLockTimeout = absl::Milliseconds(100);
constexpr absl::Duration kInlineTimeout = absl::Seconds(1);

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
    return StatusOf(store_, row);
  }

  absl::Status RequestRebuild(const std::string& name,
                              const std::string& fingerprint) override {
    return Change(name, [&](Registry& registry, Transaction&,
                            const RegistryRow& row) {
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
    STELE_RETURN_IF_ERROR(Change(name, [&](Registry& registry, Transaction&,
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
      if (row.is_inline) {
        registry.Guard(name, row.active_version()->event_types);
      }
      return absl::OkStatus();
    }));
    return DropNow(name);
  }

  absl::Status PutBehindLog(const std::string& name) override {
    return Change(
        name, [&](Registry& registry, Transaction& tx, const RegistryRow& row) {
          STELE_RETURN_IF_ERROR(CheckNoBuild(row));
          if (!row.is_inline) {
            return absl::FailedPreconditionError(
                absl::StrCat("projection ", name, " is not inline"));
          }
          LimitLockWaits(registry, kInlineTimeout);
          projections_internal::PutBehindLog(registry, tx, row);
          return absl::OkStatus();
        });
  }

  absl::Status Undo(const std::string& name, absl::Time deadline) override {
    STELE_RETURN_IF_ERROR(WarmPrevious(name));
    STELE_ASSIGN_OR_RETURN(const RegistryRow before, Find(name));
    if (!before.previous.has_value()) return NothingToUndo(name);
    const VersionRow& to = *before.Version(before.previous);
    Switcher switcher(store_, name, to.version, {});
    Backoff backoff({absl::Milliseconds(20), absl::Milliseconds(500)});
    while (true) {
      const absl::Status switched =
          switcher.Try("undone: back to the table before");
      if (switched.ok()) return switched;
      const absl::Duration left = deadline - SystemClock().Now();
      if (IsTransient(switched) && left > absl::ZeroDuration()) {
        Pause(std::min(backoff.Next(), left));
        continue;
      }
      STELE_RETURN_IF_ERROR(GuardActive(name));
      if (!IsTransient(switched)) return switched;
      return absl::DeadlineExceededError(absl::StrCat(
          "the previous table of projection ", name,
          " could not be switched to in time; it is kept current only by "
          "processes with the code ",
          to.fingerprint, " (", switched.message(), ")"));
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
    return store_.Transact([&](Transaction& tx) {
      return RunSql([&]() -> absl::Status {
        Registry registry(tx);
        registry.LockChanges();
        const std::optional<RegistryRow> row = registry.Find(name);
        if (!row.has_value() || row->active_version() == nullptr) {
          return NoProjection(name);
        }
        return work(registry, tx, *row);
      });
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
    return Change(
        name, [&](Registry& registry, Transaction&, const RegistryRow& row) {
          STELE_RETURN_IF_ERROR(CheckNoBuild(row));
          if (!row.previous.has_value()) return NothingToUndo(name);
          registry.sql().exec_params(
              absl::StrCat("UPDATE ", registry.Table("projection_versions"),
                           " SET warm_until = greatest(warm_until, "
                           "clock_timestamp() + $3::interval) "
                           "WHERE name = $1 AND version = $2"),
              name, *row.previous, std::string(kWarmAgainFor));
          if (!row.is_inline) return absl::OkStatus();
          // Nobody may bypass either of them until one is settled on.
          std::vector<std::string> types = row.active_version()->event_types;
          const VersionRow* previous = row.Version(row.previous);
          types.insert(types.end(), previous->event_types.begin(),
                       previous->event_types.end());
          registry.Guard(name, types);
          return absl::OkStatus();
        });
  }

  absl::Status GuardActive(const std::string& name) {
    return Change(
        name, [&](Registry& registry, Transaction&, const RegistryRow& row) {
          if (row.is_inline) {
            registry.Guard(name, row.active_version()->event_types);
          }
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
