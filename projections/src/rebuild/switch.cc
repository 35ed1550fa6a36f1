#include "rebuild/switch.h"

#include <algorithm>
#include <optional>
#include <pqxx/pqxx>
#include <utility>

#include "absl/strings/str_cat.h"
#include "feeds/inline_guard.h"
#include "rebuild/gap.h"
#include "rebuild/view.h"
#include "sql.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele::projections_internal {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(5);
// Beyond the pause allowed, for a process that does not go on at all.
constexpr absl::Duration kHungAfter = absl::Seconds(1);

std::int64_t Millis(absl::Duration duration) {
  return std::max<std::int64_t>(1, absl::ToInt64Milliseconds(duration));
}

// Waits for the batch being committed, and keeps the next one out.
void HoldFeed(Registry& registry, const RegistryRow& row,
              const VersionRow& version) {
  registry.sql().exec_params(
      absl::StrCat("SELECT 1 FROM ", registry.Table("projection_versions"),
                   " WHERE name = $1 AND version = $2 FOR UPDATE"),
      row.name, version.version);
}

absl::StatusOr<RegistryRow> FindTarget(Registry& registry,
                                       const std::string& name, int to) {
  std::optional<RegistryRow> row = registry.Find(name);
  if (!row.has_value() || row->active_version() == nullptr) {
    return absl::NotFoundError(absl::StrCat("no projection ", name));
  }
  const VersionRow* target = row->Version(to);
  if (target == nullptr || (target->state != VersionState::kBuilding &&
                            target->state != VersionState::kPrevious &&
                            target->state != VersionState::kActive)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "projection ", name, " has no version ", to, " to switch to"));
  }
  return *std::move(row);
}

// One switch, within its transaction.
class Switch {
 public:
  Switch(EventStore& store, Transaction& tx, const SwitchOptions& options,
         const std::string& comparison)
      : store_(store),
        tx_(tx),
        registry_(tx),
        options_(options),
        comparison_(comparison) {}

  absl::Status Run(const std::string& name, int to) {
    LimitStatements(options_.lock_timeout, options_.pause_max);
    registry_.LockChanges();
    STELE_ASSIGN_OR_RETURN(row_, FindTarget(registry_, name, to));
    const VersionRow& target = *row_.Version(to);
    const VersionRow& active = *row_.active_version();
    HoldActive(active, target);
    STELE_RETURN_IF_ERROR(AwaitCatchUp(active, target));
    HoldFeed(registry_, row_, target);
    STELE_RETURN_IF_ERROR(CheckParked(store_, tx_, active, target));
    STELE_RETURN_IF_ERROR(KeepInTime());
    if (active.version != target.version) {
      STELE_RETURN_IF_ERROR(ShowVersion(registry_, row_, target));
      STELE_RETURN_IF_ERROR(KeepInTime());
      Record(active, target);
    }
    if (row_.is_inline) FillByAppends(target);
    return absl::OkStatus();
  }

  // When it began to hold somebody back; in the future if it never did.
  absl::Time held_since() const { return held_since_; }

 private:
  // What the server itself sees to, also if this process does not go on.
  void LimitStatements(absl::Duration lock, absl::Duration statement) {
    registry_.sql().exec(
        absl::StrCat("SET LOCAL lock_timeout = ", Millis(lock),
                     "; SET LOCAL statement_timeout = ", Millis(statement),
                     "; SET LOCAL idle_in_transaction_session_timeout = ",
                     Millis(options_.pause_max + kHungAfter)));
  }

  absl::Duration Left() const {
    return held_since_ + options_.pause_max - options_.clock->Now();
  }

  // Bounds what comes next by what is left of the pause.
  absl::Status KeepInTime() {
    const absl::Duration left = Left();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat("the switch of ", row_.name, " took longer than ",
                       absl::FormatDuration(options_.pause_max)));
    }
    LimitStatements(std::min(options_.lock_timeout, left), left);
    return absl::OkStatus();
  }

  // The feed that is waited for must go on.
  void HoldActive(const VersionRow& active, const VersionRow& target) {
    held_since_ = options_.clock->Now();
    if (row_.is_inline) LockInline(registry_, row_.name);
    if (active.version != target.version) HoldFeed(registry_, row_, active);
  }

  // Each look is a statement with a snapshot of its own, on this connection.
  absl::Status AwaitCatchUp(const VersionRow& active,
                            const VersionRow& target) {
    while (true) {
      STELE_ASSIGN_OR_RETURN(const std::int64_t gap,
                             MeasureGap(store_, tx_, active, target));
      if (gap == 0) return absl::OkStatus();
      STELE_RETURN_IF_ERROR(Annotate(
          KeepInTime(), absl::StrCat(target.table, " is ", gap, " behind")));
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
    if (active.feed == Feed::kAppends) {
      registry_.FeedFromLog(name, active, LastPosition(tx_));
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
        name, target.version, active.version, comparison_);
  }

  void FillByAppends(const VersionRow& target) {
    registry_.FeedFromAppends(row_.name, target);
    registry_.Guard(row_.name, target.event_types);
  }

  EventStore& store_;
  Transaction& tx_;
  Registry registry_;
  const SwitchOptions& options_;
  const std::string& comparison_;
  RegistryRow row_;
  absl::Time held_since_ = absl::InfiniteFuture();
};

absl::StatusOr<std::int64_t> GapOf(EventStore& store,
                                   const std::string& projection, int to) {
  std::int64_t gap = 0;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry registry(tx);
      STELE_ASSIGN_OR_RETURN(const RegistryRow row,
                             FindTarget(registry, projection, to));
      STELE_ASSIGN_OR_RETURN(
          gap, MeasureGap(store, tx, *row.active_version(), *row.Version(to)));
      if (gap != 0) return absl::OkStatus();
      return CheckParked(store, tx, *row.active_version(), *row.Version(to));
    });
  }));
  return gap;
}

}  // namespace

absl::Status SwitchTo(EventStore& store, const std::string& projection, int to,
                      const SwitchOptions& options,
                      const std::string& comparison) {
  STELE_RETURN_IF_ERROR(AwaitGuarded(store, projection));
  absl::Time held_since = absl::InfiniteFuture();
  const absl::Status status = store.Transact([&](Transaction& tx) {
    return RunSql([&] {
      Switch work(store, tx, options, comparison);
      const absl::Status done = work.Run(projection, to);
      held_since = work.held_since();
      return done;
    });
  });
  const absl::Duration held = options.clock->Now() - held_since;
  if (held > absl::ZeroDuration()) {
    Log(held > options.pause_max ? LogLevel::kWarning : LogLevel::kInfo,
        "a switch has held back what fills a projection's table",
        {{"projection", projection},
         {"held", absl::FormatDuration(held)},
         {"outcome", status.ok() ? "switched" : status.ToString()}});
  }
  return status;
}

Switcher::Switcher(EventStore& store, std::string projection, int to,
                   const SwitchOptions& options)
    : store_(store),
      projection_(std::move(projection)),
      to_(to),
      options_(options),
      wait_(2 * options.pause_max),
      next_bold_try_(options.clock->Now() + wait_) {}

absl::Status Switcher::Try(const std::string& comparison) {
  const absl::Time now = options_.clock->Now();
  if (now < next_try_) {
    return absl::AbortedError(
        "the switch lets others get on before it is "
        "tried again");
  }
  STELE_ASSIGN_OR_RETURN(const std::int64_t gap,
                         GapOf(store_, projection_, to_));
  // Under constant load there always is a small gap, which is gone in one batch
  // once the others are held back.
  if (gap > kNearPositions || (gap > 0 && now < next_bold_try_)) {
    return absl::AbortedError(absl::StrCat("still ", gap, " behind"));
  }
  const absl::Status switched =
      SwitchTo(store_, projection_, to_, options_, comparison);
  if (switched.ok()) return switched;
  next_try_ = options_.clock->Now() + wait_;
  next_bold_try_ = next_try_;
  wait_ = std::min(2 * wait_, 20 * options_.pause_max);
  return switched;
}

}  // namespace stele::projections_internal
