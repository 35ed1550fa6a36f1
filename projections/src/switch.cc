#include "switch.h"

#include <algorithm>
#include <optional>
#include <pqxx/pqxx>
#include <utility>

#include "absl/strings/str_cat.h"
#include "checkpoints.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/clock.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"
#include "view.h"

namespace stele::projections_internal {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(5);

void LimitLockWaits(Registry& registry, absl::Duration timeout) {
  registry.sql().exec(absl::StrCat(
      "SET LOCAL lock_timeout = ",
      std::max<std::int64_t>(1, absl::ToInt64Milliseconds(timeout))));
}

// Waits for the batch being committed, and keeps the next one out.
void HoldFeed(Registry& registry, const RegistryRow& row,
              const VersionRow& version) {
  registry.sql().exec_params(
      absl::StrCat("SELECT 1 FROM ", registry.Table("projection_versions"),
                   " WHERE name = $1 AND version = $2 FOR UPDATE"),
      row.name, version.version);
}

// One switch, within its transaction.
class Switch {
 public:
  Switch(EventStore& store, Transaction& tx, const SwitchOptions& options)
      : store_(store), tx_(tx), registry_(tx), options_(options) {}

  absl::Status Run(const std::string& name, int to) {
    STELE_RETURN_IF_ERROR(Begin(name));
    const VersionRow* target = row_.Version(to);
    if (target == nullptr || (target->state != VersionState::kBuilding &&
                              target->state != VersionState::kPrevious &&
                              target->state != VersionState::kActive)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "projection ", name, " has no version ", to, " to switch to"));
    }
    const VersionRow* active = row_.active_version();
    STELE_RETURN_IF_ERROR(HoldActive(*active));
    STELE_RETURN_IF_ERROR(AwaitCatchUp(*active, *target));
    HoldFeed(registry_, row_, *target);
    if (target == active) {
      registry_.FeedFromAppends(name, *target);
      return absl::OkStatus();
    }
    STELE_RETURN_IF_ERROR(ShowVersion(registry_, row_, *target));
    Record(*active, *target);
    return absl::OkStatus();
  }

 private:
  absl::Status Begin(const std::string& name) {
    LimitLockWaits(registry_, options_.lock_timeout);
    registry_.LockChanges();
    std::optional<RegistryRow> row = registry_.Find(name);
    if (!row.has_value() || row->active_version() == nullptr) {
      return absl::NotFoundError(absl::StrCat("no projection ", name));
    }
    row_ = *std::move(row);
    return absl::OkStatus();
  }

  absl::Status HoldActive(const VersionRow& active) {
    if (row_.is_inline) {
      LockInline(registry_, row_.name, /*exclusively=*/true);
    }
    HoldFeed(registry_, row_, active);
    last_position_ = LastPosition(tx_);
    return absl::OkStatus();
  }

  // What `target` must have come to: where the active table stands now.
  absl::StatusOr<Checkpoints> Goal(const VersionRow& active,
                                   const VersionRow& target) {
    if (active.feed == Feed::kAppends || &active == &target) {
      return Checkpoints{{last_position_}, 0};
    }
    return ReadCheckpoints(store_, active.consumer);
  }

  // A key that is parked there, but not here, would go back in time.
  static absl::Status CheckParked(const VersionRow& target,
                                  const Checkpoints& now,
                                  const Checkpoints& goal) {
    if (now.parked_keys <= goal.parked_keys) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(now.parked_keys, " keys are parked in ", target.consumer,
                     "; retry or discard them first"));
  }

  absl::Status AwaitCatchUp(const VersionRow& active,
                            const VersionRow& target) {
    STELE_ASSIGN_OR_RETURN(const Checkpoints goal, Goal(active, target));
    const absl::Time deadline = SystemClock().Now() + options_.pause_max;
    while (true) {
      STELE_ASSIGN_OR_RETURN(const Checkpoints now,
                             ReadCheckpoints(store_, target.consumer));
      if (now.Covers(goal) ||
          (now.positions.empty() &&
           target.start_position >= goal.Least(active.start_position))) {
        return CheckParked(target, now, goal);
      }
      if (SystemClock().Now() >= deadline) {
        return absl::DeadlineExceededError(absl::StrCat(
            target.table, " is at position ", now.Least(target.start_position),
            " and could not catch up with ", goal.Least(active.start_position),
            " in ", absl::FormatDuration(options_.pause_max)));
      }
      Pause(kPollEvery);
    }
  }

  void Record(const VersionRow& active, const VersionRow& target) {
    const std::string& name = row_.name;
    if (row_.previous.has_value() && row_.previous != target.version) {
      registry_.SetState(name, *row_.previous, VersionState::kDropped);
    }
    registry_.SetState(name, target.version, VersionState::kActive);
    registry_.SetState(name, active.version, VersionState::kPrevious);
    if (row_.is_inline) registry_.FeedFromAppends(name, target);
    if (active.feed == Feed::kAppends) {
      registry_.FeedFromLog(name, active, last_position_);
    }
    registry_.sql().exec_params(
        absl::StrCat("UPDATE ", registry_.Table("projection_versions"),
                     " SET warm_until = clock_timestamp() + "
                     "$3 * interval '1 microsecond' "
                     "WHERE name = $1 AND version = $2"),
        name, active.version, absl::ToInt64Microseconds(options_.keep_warm));
    registry_.sql().exec_params(
        absl::StrCat("UPDATE ", registry_.Table("projections"),
                     " SET active = $2, previous = $3, building = NULL, "
                     "requested_fingerprint = NULL, requested_at = NULL, "
                     "builder = NULL, builder_until = NULL, build_phase = '', "
                     "last_error = '', comparison = $4, "
                     "switched_at = clock_timestamp() WHERE name = $1"),
        name, target.version, active.version, options_.comparison);
  }

  EventStore& store_;
  Transaction& tx_;
  Registry registry_;
  const SwitchOptions& options_;
  RegistryRow row_;
  std::int64_t last_position_ = 0;
};

absl::Status DropVersion(EventStore& store, const std::string& projection,
                         const VersionRow& version,
                         const std::string& read_schema,
                         absl::Duration lock_timeout) {
  for (int feed = 1; feed <= version.feeds; ++feed) {
    STELE_RETURN_IF_ERROR(store.consumers().Forget(
        ConsumerName(projection, version.fingerprint, version.version, feed)));
  }
  return store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry registry(tx);
      LimitLockWaits(registry, lock_timeout);
      registry.LockChanges();
      registry.sql().exec(absl::StrCat("DROP TABLE IF EXISTS ",
                                       QuoteTable(read_schema, version.table)));
      registry.SetState(projection, version.version, VersionState::kGone);
      return absl::OkStatus();
    });
  });
}

}  // namespace

absl::Status SwitchTo(EventStore& store, const std::string& projection, int to,
                      const SwitchOptions& options) {
  return store.Transact([&](Transaction& tx) {
    return RunSql(
        [&] { return Switch(store, tx, options).Run(projection, to); });
  });
}

absl::Status DropDeadVersions(EventStore& store, const std::string& projection,
                              absl::Duration lock_timeout) {
  std::optional<RegistryRow> row;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      row = Registry(tx).Find(projection);
      return absl::OkStatus();
    });
  }));
  if (!row.has_value()) return absl::OkStatus();
  for (const VersionRow& version : row->versions) {
    if (version.state != VersionState::kDropped) continue;
    STELE_RETURN_IF_ERROR(DropVersion(store, projection, version,
                                      row->read_schema, lock_timeout));
  }
  return absl::OkStatus();
}

}  // namespace stele::projections_internal
