#include "rebuild/builder.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "checkpoints.h"
#include "rebuild/compare.h"
#include "rebuild/dead_versions.h"
#include "rebuild/gap.h"
#include "registration.h"
#include "sql.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele::projections_internal {
namespace {

// The weight of the newest sample in the rate.
constexpr double kSmoothing = 0.3;
// How long a build that has caught up waits for a moment in which both tables
// hold the same events.
constexpr absl::Duration kCompareBudget = absl::Seconds(1);
constexpr char kWaiting[] = "waiting: ";

bool HasDead(const RegistryRow& row) {
  return std::any_of(row.versions.begin(), row.versions.end(),
                     [](const VersionRow& version) {
                       return version.state == VersionState::kDropped;
                     });
}

}  // namespace

Builder::Builder(EventStore& store, const Projection& projection,
                 const ProjectionsOptions& options)
    : store_(store),
      projection_(projection),
      options_(options),
      clock_(ClockOf(options)) {}

bool Builder::WantsBuild(const RegistryRow& row) const {
  if (row.building.has_value()) return false;
  if (row.requested_fingerprint.has_value()) {
    return *row.requested_fingerprint == projection_.fingerprint;
  }
  // Only code never seen before: code that was replaced or aborted once does
  // not come back by itself.
  return row.NewestOf(projection_.fingerprint) == nullptr;
}

bool Builder::MustSettleInline(const RegistryRow& row) const {
  const VersionRow* active = row.active_version();
  return row.is_inline && !row.building.has_value() && active != nullptr &&
         active->fingerprint == projection_.fingerprint &&
         active->feed == Feed::kLog;
}

absl::StatusOr<bool> Builder::Step(const RegistryRow& row) {
  const VersionRow* building = row.Version(row.building);
  const bool is_ours =
      building != nullptr && building->fingerprint == projection_.fingerprint;
  const bool wants_build = WantsBuild(row);
  const bool must_settle = MustSettleInline(row);
  if (!is_ours && !wants_build && !must_settle && !HasDead(row)) return false;
  STELE_ASSIGN_OR_RETURN(const bool leads, TakeLead(row));
  if (!leads) return false;
  if (HasDead(row)) {
    const absl::Status dropped =
        DropDeadVersions(store_, row.name, options_.switch_lock_timeout);
    if (!dropped.ok()) {
      Log(LogLevel::kWarning, "an old table could not be dropped yet",
          {{"projection", row.name},
           {"cause", std::string(dropped.message())}});
    }
  }
  if (wants_build) {
    STELE_RETURN_IF_ERROR(Begin());
    return true;
  }
  if (is_ours) return Follow(row);
  if (must_settle) return Switch(row, *row.active);
  return false;
}

absl::StatusOr<bool> Builder::TakeLead(const RegistryRow& row) {
  bool leads = false;
  STELE_RETURN_IF_ERROR(store_.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry registry(tx);
      leads = registry.sql()
                  .exec_params(
                      absl::StrCat(
                          "UPDATE ", registry.Table("projections"),
                          " SET builder = $2, builder_until = "
                          "clock_timestamp() + $3 * interval '1 microsecond' "
                          "WHERE name = $1 AND (builder IS NULL "
                          "OR builder = $2 OR builder_until < "
                          "clock_timestamp())"),
                      row.name, options_.process,
                      absl::ToInt64Microseconds(options_.lease))
                  .affected_rows() == 1;
      return absl::OkStatus();
    });
  }));
  return leads;
}

// What this code appends from now on does not go into the table of other code,
// which would miss it: the log has it for whoever brings that table back.
void Builder::TakeOverAppends(Registry& registry, Transaction& tx,
                              const RegistryRow& row) {
  const VersionRow& active = *row.active_version();
  if (active.fingerprint == projection_.fingerprint) return;
  LimitLockWaits(registry, options_.switch_lock_timeout);
  LockInline(registry, row.name);
  if (active.feed == Feed::kAppends) {
    registry.FeedFromLog(row.name, active, LastPosition(tx));
  }
  registry.Guard(row.name, projection_.event_types);
}

absl::Status Builder::Begin() {
  const std::string& name = projection_.type.name;
  STELE_RETURN_IF_ERROR(InternTypes(store_, projection_));
  return store_.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry registry(tx);
      registry.LockChanges();
      const std::optional<RegistryRow> row = registry.Find(name);
      if (!row.has_value() || !WantsBuild(*row)) return absl::OkStatus();
      STELE_ASSIGN_OR_RETURN(
          const VersionRow version,
          CreateVersion(registry, *row, projection_, VersionState::kBuilding));
      if (row->is_inline) TakeOverAppends(registry, tx, *row);
      if (row->previous.has_value()) {
        registry.SetState(name, *row->previous, VersionState::kDropped);
      }
      registry.sql().exec_params(
          absl::StrCat("UPDATE ", registry.Table("projections"),
                       " SET building = $2, previous = NULL, "
                       "requested_fingerprint = NULL, requested_at = NULL, "
                       "build_started_at = clock_timestamp(), "
                       "build_phase = 'building', build_position = 0, "
                       "build_rate = 0, last_error = '' WHERE name = $1"),
          name, version.version);
      Log(LogLevel::kInfo, "building a projection's table anew",
          {{"projection", name}, {"table", version.table}});
      return absl::OkStatus();
    });
  });
}

double Builder::RateAt(int version, std::int64_t position) {
  const absl::Time now = clock_.Now();
  if (!sample_.has_value() || sample_->version != version) {
    rate_ = 0;
  } else if (const double seconds = absl::ToDoubleSeconds(now - sample_->at);
             seconds > 0) {
    const double latest =
        static_cast<double>(position - sample_->position) / seconds;
    rate_ =
        rate_ == 0 ? latest : kSmoothing * latest + (1 - kSmoothing) * rate_;
  }
  sample_ = Sample{version, position, now};
  return rate_;
}

absl::StatusOr<bool> Builder::Follow(const RegistryRow& row) {
  const VersionRow& version = *row.Version(row.building);
  STELE_ASSIGN_OR_RETURN(const Checkpoints now,
                         ReadCheckpoints(store_, version.consumer));
  STELE_ASSIGN_OR_RETURN(const std::int64_t head, store_.Head());
  const std::int64_t position = now.Least(version.start_position);
  const double rate = RateAt(version.version, position);
  if (head - position > kNearPositions) {
    STELE_RETURN_IF_ERROR(Note("building", "", position, rate));
    return false;
  }
  if (!absl::StartsWith(row.build_phase, kWaiting)) {
    STELE_RETURN_IF_ERROR(Note("switching", "", position, rate));
  }
  if (!Compare(row, version)) return true;
  return Switch(row, version.version);
}

bool Builder::Compare(const RegistryRow& row, const VersionRow& version) {
  const absl::Time now = clock_.Now();
  if (near_version_ != version.version) {
    near_version_ = version.version;
    compare_until_ = now + kCompareBudget;
    is_compared_ = false;
  }
  if (is_compared_) return true;
  absl::StatusOr<std::optional<std::string>> comparison =
      CompareVersions(store_, row, *row.active_version(), version, projection_,
                      options_.compare_rows_max);
  is_compared_ = true;
  if (!comparison.ok()) {
    comparison_ = absl::StrCat("not compared: ", comparison.status().message());
  } else if (comparison->has_value()) {
    comparison_ = **comparison;
  } else if (now >= compare_until_) {
    comparison_ = "not compared: the log did not stand still";
  } else {
    is_compared_ = false;
  }
  return is_compared_;
}

absl::StatusOr<bool> Builder::Switch(const RegistryRow& row, int version) {
  if (!switcher_.has_value() || switcher_->to() != version) {
    switcher_.emplace(
        store_, row.name, version,
        SwitchOptions{options_.switch_pause_max, options_.switch_lock_timeout,
                      options_.keep_warm, &clock_});
  }
  const absl::Status switched = switcher_->Try(comparison_);
  if (switched.ok()) {
    Log(LogLevel::kInfo, "switched a projection",
        {{"projection", row.name},
         {"version", absl::StrCat(version)},
         {"comparison", comparison_}});
    comparison_.clear();
    switcher_.reset();
    return true;
  }
  if (IsTransient(switched)) return true;
  const std::string cause(switched.message());
  if (row.last_error != cause) {
    Log(LogLevel::kWarning, "a projection cannot be switched",
        {{"projection", row.name}, {"cause", cause}});
  }
  STELE_RETURN_IF_ERROR(Note(absl::StrCat(kWaiting, cause), cause,
                             sample_.has_value() ? sample_->position : 0, 0));
  return false;
}

absl::Status Builder::Note(const std::string& phase, const std::string& error,
                           std::int64_t position, double rate) {
  return store_.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry registry(tx);
      registry.sql().exec_params(
          absl::StrCat("UPDATE ", registry.Table("projections"),
                       " SET build_phase = $2, last_error = $3, "
                       "build_position = $4, build_rate = $5 "
                       "WHERE name = $1 AND builder = $6"),
          projection_.type.name, phase, error, position, rate,
          options_.process);
      return absl::OkStatus();
    });
  });
}

}  // namespace stele::projections_internal
