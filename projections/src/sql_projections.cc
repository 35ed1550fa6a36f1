// Projections on PostgreSQL.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "builder.h"
#include "checkpoints.h"
#include "feed.h"
#include "handlers.h"
#include "projections_impl.h"
#include "registration.h"
#include "registry.h"
#include "row_readers.h"
#include "sql.h"
#include "sql_inline.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stop_wait.h"
#include "switch.h"
#include "wait.h"

namespace stele::projections_internal {
namespace {

// How soon a build that is about to switch is looked after again.
constexpr absl::Duration kSoon = absl::Milliseconds(20);

// One projection of this process: its feeds, and its part in builds.
// Not thread-safe, but for Activity().
class Served {
 public:
  Served(EventStore& store, const PlannedProjection& planned,
         const ProjectionsOptions& options)
      : store_(store),
        projection_(planned.projection),
        is_inline_(planned.is_inline),
        options_(options),
        builder_(store, *planned.projection, options) {}

  const std::string& name() const { return projection_->type.name; }

  // Says that this process is alive, runs the feeds it should, and does what is
  // next in a build. True = call again soon.
  absl::StatusOr<bool> Tick() {
    STELE_ASSIGN_OR_RETURN(const RegistryRow row, Report());
    STELE_RETURN_IF_ERROR(MindFeeds(row));
    NoteActivity(row);
    return builder_.Step(row);
  }

  // Stops everything; waits for what is being handled.
  void Stop() {
    std::map<std::string, std::unique_ptr<FeedRunner>> ended;
    {
      const absl::MutexLock lock(&mutex_);
      ended.swap(feeds_);
    }
    for (const auto& [consumer, feed] : ended) feed->Stop();
    ended.clear();  // Waits for them.
    store_
        .Transact([&](Transaction& tx) {
          return RunSql([&]() -> absl::Status {
            Registry(tx).SayGone(name(), options_.process);
            return absl::OkStatus();
          });
        })
        .IgnoreError();  // It will be taken for dead soon enough.
  }

  ProjectionActivity Activity() const {
    const absl::MutexLock lock(&mutex_);
    ProjectionActivity activity = activity_;
    activity.name = name();
    activity.fingerprint = projection_->fingerprint;
    activity.is_inline = is_inline_;
    for (const auto& [consumer, feed] : feeds_) {
      activity.feeds.push_back(feed->Snapshot());
    }
    return activity;
  }

 private:
  absl::StatusOr<RegistryRow> Report() {
    std::optional<RegistryRow> row;
    STELE_RETURN_IF_ERROR(store_.Transact([&](Transaction& tx) {
      return RunSql([&]() -> absl::Status {
        Registry registry(tx);
        registry.SayAlive(
            name(), {options_.process, projection_->fingerprint, is_inline_},
            std::max(options_.lease, options_.poll * 3));
        row = registry.Find(name());
        return absl::OkStatus();
      });
    }));
    if (row.has_value()) return *std::move(row);
    return absl::NotFoundError(
        absl::StrCat("projection ", name(), " is no longer registered"));
  }

  bool ShouldFeed(const VersionRow& version) const {
    if (version.fingerprint != projection_->fingerprint) return false;
    if (version.feed != Feed::kLog) return false;
    return version.state == VersionState::kActive ||
           version.state == VersionState::kBuilding ||
           (version.state == VersionState::kPrevious && version.is_warm);
  }

  absl::Status MindFeeds(const RegistryRow& row) {
    std::map<std::string, const VersionRow*> wanted;
    for (const VersionRow& version : row.versions) {
      if (ShouldFeed(version)) wanted[version.consumer] = &version;
    }
    std::vector<std::unique_ptr<FeedRunner>> ended;
    absl::Status feed_error;
    {
      const absl::MutexLock lock(&mutex_);
      for (auto it = feeds_.begin(); it != feeds_.end();) {
        absl::Status error;
        const bool has_ended = it->second->HasEnded(&error);
        if (!has_ended && wanted.contains(it->first)) {
          ++it;
          continue;
        }
        if (has_ended && !error.ok() && !absl::IsCancelled(error) &&
            wanted.contains(it->first)) {
          feed_error = error;
          Log(LogLevel::kError, "a projection's feed has stopped",
              {{"consumer", it->first},
               {"cause", std::string(error.message())}});
        }
        ended.push_back(std::move(it->second));
        it = feeds_.erase(it);
      }
      feed_error_ = feed_error;
    }
    ended.clear();  // Waits for them; not with the lock held.
    for (const auto& [consumer, version] : wanted) {
      STELE_RETURN_IF_ERROR(StartFeed(row, *version));
    }
    return absl::OkStatus();
  }

  absl::Status StartFeed(const RegistryRow& row, const VersionRow& version) {
    {
      const absl::MutexLock lock(&mutex_);
      if (feeds_.contains(version.consumer)) return absl::OkStatus();
    }
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
    STELE_ASSIGN_OR_RETURN(
        std::unique_ptr<FeedRunner> feed,
        FeedRunner::Start(
            store_,
            MakeSqlHandler(projection_, {row.read_schema, version.table,
                                         version.version, version.consumer}),
            std::move(consumer), options_.process));
    const absl::MutexLock lock(&mutex_);
    feeds_[version.consumer] = std::move(feed);
    return absl::OkStatus();
  }

  void NoteActivity(const RegistryRow& row) {
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
    if (!feed_error_.ok()) {
      absl::StrAppend(&activity_.note, activity_.note.empty() ? "" : "; ",
                      feed_error_.message());
    }
  }

  EventStore& store_;
  const std::shared_ptr<const Projection> projection_;
  const bool is_inline_;
  const ProjectionsOptions& options_;
  Builder builder_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<FeedRunner>> feeds_
      ABSL_GUARDED_BY(mutex_);
  absl::Status feed_error_ ABSL_GUARDED_BY(mutex_);  // Of the last tick.
  ProjectionActivity activity_ ABSL_GUARDED_BY(mutex_);
};

std::vector<std::shared_ptr<const Projection>> InlineOnes(
    const std::vector<PlannedProjection>& planned) {
  std::vector<std::shared_ptr<const Projection>> inline_ones;
  for (const PlannedProjection& plan : planned) {
    if (plan.is_inline) inline_ones.push_back(plan.projection);
  }
  return inline_ones;
}

class SqlProjections : public Projections {
 public:
  SqlProjections(EventStore& store,
                 const std::vector<PlannedProjection>& planned,
                 ProjectionsOptions options)
      : store_(store),
        options_(std::move(options)),
        inline_work_(MakeSqlInlineWork(InlineOnes(planned))),
        inline_store_(MakeInlineStore(store, *inline_work_)),
        reader_(MakeSqlRowReader(store, options_.read_schema)) {
    for (const PlannedProjection& plan : planned) {
      served_.push_back(std::make_unique<Served>(store, plan, options_));
    }
  }

  absl::Status Run(std::stop_token stop) override {
    Backoff backoff({options_.poll, absl::Seconds(30)});
    absl::Status error;
    absl::Duration wait = absl::ZeroDuration();
    while (!WaitForStop(stop, wait)) {
      const absl::StatusOr<bool> soon = TickAll();
      if (soon.ok()) {
        backoff.Reset();
        wait = *soon ? std::min(kSoon, options_.poll) : options_.poll;
      } else if (IsTransient(soon.status())) {
        Log(LogLevel::kWarning, "projections wait for the database",
            {{"cause", std::string(soon.status().message())}});
        wait = backoff.Next();
      } else {
        error = soon.status();
        break;
      }
    }
    for (const auto& served : served_) served->Stop();
    return error;
  }

  EventStore& store() override { return *inline_store_; }
  RowReader& reader() override { return *reader_; }

  absl::Status WaitFor(std::string_view projection, std::int64_t position,
                       absl::Time deadline) override {
    const std::string name(projection);
    for (const auto& served : served_) {
      if (served->name() != name) continue;
      return AwaitPosition(store_, name, position, deadline,
                           [&] { return FindActiveFeed(store_, name); });
    }
    return absl::NotFoundError(absl::StrCat("no projection ", Quoted(name)));
  }

  std::vector<ProjectionActivity> Activity() const override {
    std::vector<ProjectionActivity> activities;
    for (const auto& served : served_) activities.push_back(served->Activity());
    return activities;
  }

 private:
  absl::StatusOr<bool> TickAll() {
    bool soon = false;
    for (const auto& served : served_) {
      absl::StatusOr<bool> result = served->Tick();
      if (!result.ok()) {
        return Annotate(result.status(),
                        absl::StrCat("projection ", served->name()));
      }
      soon |= *result;
    }
    return soon;
  }

  EventStore& store_;
  const ProjectionsOptions options_;
  const std::unique_ptr<InlineWork> inline_work_;
  const std::unique_ptr<EventStore> inline_store_;
  const std::unique_ptr<RowReader> reader_;
  std::vector<std::unique_ptr<Served>> served_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Projections>> MakeSqlProjections(
    EventStore& store, std::vector<PlannedProjection> planned,
    ProjectionsOptions options) {
  STELE_RETURN_IF_ERROR(CheckHasRegistry(store));
  for (const PlannedProjection& plan : planned) {
    STELE_RETURN_IF_ERROR(RegisterProjection(store, plan, options));
  }
  return std::make_unique<SqlProjections>(store, planned, std::move(options));
}

}  // namespace stele::projections_internal
