#include "served.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "checkpoints.h"
#include "feeds/handlers.h"
#include "sql.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele::projections_internal {
namespace {

// How soon a build that is about to switch is looked after again.
constexpr absl::Duration kSoon = absl::Milliseconds(20);

BackoffOptions PatienceOf(const ProjectionsOptions& options) {
  return {options.poll, std::max(options.poll, absl::Seconds(30))};
}

}  // namespace

Served::Served(EventStore& store, const PlannedProjection& planned,
               const ProjectionsOptions& options)
    : store_(store),
      projection_(planned.projection),
      is_inline_(planned.is_inline),
      options_(options),
      clock_(ClockOf(options)),
      is_failing_(MetricsOf(options).GetGauge(
          "stele_projection_failing",
          "1 while this process's part in the projection does not go on.",
          {{"projection", planned.projection->type.name}})),
      builder_(store, *planned.projection, options),
      feeds_(planned.projection->type.name, ClockOf(options),
             MetricsOf(options)),
      report_backoff_(PatienceOf(options)),
      build_backoff_(PatienceOf(options)) {}

absl::Time Served::Tick() {
  const absl::StatusOr<RegistryRow> row = Report();
  NoteProblem(row.status());
  if (!row.ok()) {
    return clock_.Now() + std::max(options_.poll, report_backoff_.Next());
  }
  report_backoff_.Reset();
  MindFeeds(*row);
  NoteActivity(*row);
  const bool soon = MindBuild(*row);
  is_failing_.Set(Problem().ok() ? 0 : 1);
  return clock_.Now() + (soon ? std::min(kSoon, options_.poll) : options_.poll);
}

void Served::Stop() {
  feeds_.Stop();
  store_
      .Transact([&](Transaction& tx) {
        return RunSql([&]() -> absl::Status {
          Registry(tx).SayGone(name(), options_.process);
          return absl::OkStatus();
        });
      })
      .IgnoreError();  // It will be taken for dead soon enough.
}

ProjectionActivity Served::Activity() const {
  ProjectionActivity activity;
  const absl::Status problem = Problem();
  {
    const absl::MutexLock lock(&mutex_);
    activity = activity_;
  }
  activity.name = name();
  activity.fingerprint = projection_->fingerprint;
  activity.is_inline = is_inline_;
  activity.feeds = feeds_.Snapshots();
  if (!problem.ok()) {
    absl::StrAppend(&activity.note, activity.note.empty() ? "" : "; ",
                    problem.message());
  }
  return activity;
}

bool Served::HasReported() const {
  const absl::MutexLock lock(&mutex_);
  return report_error_.ok();
}

absl::StatusOr<RegistryRow> Served::Report() {
  std::optional<RegistryRow> row;
  const absl::Status problem = Problem();
  STELE_RETURN_IF_ERROR(store_.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry registry(tx);
      row = registry.Find(name());
      if (!row.has_value()) {
        return absl::NotFoundError(absl::StrCat(
            "projection ", name(),
            " is no longer registered: restart the process to register it"));
      }
      registry.SayAlive(name(),
                        {options_.process, projection_->fingerprint, is_inline_,
                         problem.ok() ? "" : problem.ToString()},
                        std::max(options_.lease, options_.poll * 3));
      return absl::OkStatus();
    });
  }));
  return *std::move(row);
}

bool Served::ShouldFeed(const VersionRow& version) const {
  if (version.fingerprint != projection_->fingerprint) return false;
  if (version.feed != Feed::kLog) return false;
  return version.state == VersionState::kActive ||
         version.state == VersionState::kBuilding ||
         (version.state == VersionState::kPrevious && version.is_warm);
}

void Served::MindFeeds(const RegistryRow& row) {
  FeedKeeper::Wanted wanted;
  for (const VersionRow& version : row.versions) {
    if (!ShouldFeed(version)) continue;
    wanted[version.consumer] = [this, &row, &version] {
      return StartFeed(row.read_schema, version);
    };
  }
  feeds_.Keep(wanted);
}

absl::StatusOr<std::unique_ptr<FeedRunner>> Served::StartFeed(
    const std::string& read_schema, const VersionRow& version) {
  ConsumerOptions consumer = ConsumerOptionsFor(*projection_, options_);
  consumer.name = version.consumer;
  consumer.start_position = version.start_position;
  if (version.state == VersionState::kBuilding) {
    consumer.batch_events_max = options_.build_batch_events_max;
  }
  // The number of slots stays what it was when the consumer was made.
  STELE_ASSIGN_OR_RETURN(const Checkpoints known,
                         ReadCheckpoints(store_, version.consumer));
  if (!known.positions.empty()) {
    consumer.slots = static_cast<int>(known.positions.size());
  }
  return FeedRunner::Start(
      store_,
      MakeSqlHandler(projection_, {read_schema, version.table, version.version,
                                   version.consumer}),
      std::move(consumer), options_.process);
}

bool Served::MindBuild(const RegistryRow& row) {
  if (clock_.Now() < next_build_) return false;
  const absl::StatusOr<bool> soon = builder_.Step(row);
  const absl::MutexLock lock(&mutex_);
  if (soon.ok()) {
    build_backoff_.Reset();
    build_error_ = absl::OkStatus();
    return *soon;
  }
  next_build_ = clock_.Now() + build_backoff_.Next();
  const bool is_news = build_error_.message() != soon.status().message();
  if (is_news) {
    Log(IsTransient(soon.status()) ? LogLevel::kWarning : LogLevel::kError,
        "a projection's build is tried again",
        {{"projection", name()}, {"cause", soon.status().ToString()}});
  }
  build_error_ = soon.status();
  return false;
}

void Served::NoteActivity(const RegistryRow& row) {
  const VersionRow* active = row.active_version();
  const absl::MutexLock lock(&mutex_);
  activity_.is_live =
      active != nullptr && active->fingerprint == projection_->fingerprint;
  activity_.note = "";
  const VersionRow* building = row.Version(row.building);
  if (building != nullptr &&
      building->fingerprint == projection_->fingerprint) {
    activity_.note = row.build_phase;
  } else if (!activity_.is_live) {
    activity_.note =
        "the public name shows the table of other code; undo or rebuild "
        "brings this one back";
  }
}

void Served::NoteProblem(const absl::Status& problem) {
  const absl::MutexLock lock(&mutex_);
  const bool is_news = report_error_.message() != problem.message();
  report_error_ = problem;
  if (problem.ok()) return;
  is_failing_.Set(1);
  if (!is_news) return;
  Log(IsTransient(problem) ? LogLevel::kWarning : LogLevel::kError,
      "a projection does not go on; it is tried again",
      {{"projection", name()}, {"cause", problem.ToString()}});
}

absl::Status Served::Problem() const {
  {
    const absl::MutexLock lock(&mutex_);
    if (!report_error_.ok()) return report_error_;
    if (!build_error_.ok()) return build_error_;
  }
  return feeds_.error();
}

}  // namespace stele::projections_internal
