// Projections on a store without SQL: one version each, rows in memory.
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "feeds/feed_keeper.h"
#include "feeds/handlers.h"
#include "feeds/inline_store.h"
#include "projections_impl.h"
#include "registry.h"
#include "rows/row_readers.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stop_wait.h"
#include "wait.h"

namespace stele::projections_internal {
namespace {

struct Entry {
  std::shared_ptr<const Projection> projection;
  bool is_inline = false;
  std::shared_ptr<MemoryTable> table;
  std::string consumer;
};

// Appends in memory run one at a time, and each sees the rows of the last: what
// it stages reaches the table with the commit.
class MemoryInlineSession : public InlineSession {
 public:
  MemoryInlineSession(Transaction& tx, const std::vector<Entry>& entries)
      : entries_(entries) {
    for (const Entry& entry : entries_) {
      rows_.push_back(MakeMemoryRows(tx, *entry.projection, entry.table));
    }
  }

  absl::Status Apply(std::span<const EventRef> events) override {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const std::vector<EventRef> wanted =
          OnlyOf(*entries_[i].projection, events);
      if (wanted.empty()) continue;
      STELE_RETURN_IF_ERROR(
          FoldRows(*entries_[i].projection, wanted, *rows_[i]));
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<Entry>& entries_;
  std::vector<std::unique_ptr<Rows>> rows_;
};

class MemoryInlineWork : public InlineWork {
 public:
  explicit MemoryInlineWork(std::vector<Entry> entries)
      : entries_(std::move(entries)) {}

  bool Consumes(std::string_view event_type) const override {
    for (const Entry& entry : entries_) {
      if (entry.projection->Find(event_type) != nullptr) return true;
    }
    return false;
  }

  std::unique_ptr<InlineSession> Begin(Transaction& tx) override {
    return std::make_unique<MemoryInlineSession>(tx, entries_);
  }

 private:
  const std::vector<Entry> entries_;
};

class MemoryProjections : public Projections {
 public:
  MemoryProjections(EventStore& store, std::vector<Entry> entries,
                    ProjectionsOptions options)
      : store_(store),
        entries_(std::move(entries)),
        options_(std::move(options)),
        inline_work_(InlineEntries()),
        inline_store_(MakeInlineStore(store, inline_work_)),
        reader_(MakeMemoryRowReader(Tables())) {
    for (const Entry& entry : entries_) {
      if (!entry.is_inline) AddFeed(entry);
    }
  }

  absl::Status Run(std::stop_token stop) override {
    do {
      for (const auto& [name, feeds] : feeds_) feeds->Keep(wanted_.at(name));
    } while (!WaitForStop(stop, options_.poll));
    for (const auto& [name, feeds] : feeds_) feeds->Stop();
    return absl::OkStatus();
  }

  EventStore& store() override { return *inline_store_; }
  RowReader& reader() override { return *reader_; }

  absl::Status WaitFor(std::string_view projection, std::int64_t position,
                       absl::Time deadline) override {
    for (const Entry& entry : entries_) {
      if (entry.projection->type.name != projection) continue;
      return AwaitPosition(store_, entry.projection->type.name, position,
                           deadline, [&]() -> absl::StatusOr<ActiveFeed> {
                             return ActiveFeed{entry.is_inline, entry.consumer};
                           });
    }
    return absl::NotFoundError(
        absl::StrCat("no projection ", Quoted(projection)));
  }

  std::vector<ProjectionActivity> Activity() const override {
    std::vector<ProjectionActivity> activities;
    for (const Entry& entry : entries_) {
      ProjectionActivity activity;
      activity.name = entry.projection->type.name;
      activity.fingerprint = entry.projection->fingerprint;
      activity.is_inline = entry.is_inline;
      activity.is_live = true;
      const auto feeds = feeds_.find(activity.name);
      if (feeds != feeds_.end()) {
        activity.feeds = feeds->second->Snapshots();
        activity.note = std::string(feeds->second->error().message());
      }
      activities.push_back(std::move(activity));
    }
    return activities;
  }

 private:
  std::vector<Entry> InlineEntries() const {
    std::vector<Entry> entries;
    for (const Entry& entry : entries_) {
      if (entry.is_inline) entries.push_back(entry);
    }
    return entries;
  }

  MemoryTables Tables() const {
    MemoryTables tables;
    for (const Entry& entry : entries_) {
      tables[entry.projection->type.table] = entry.table;
    }
    return tables;
  }

  void AddFeed(const Entry& entry) {
    const std::string& name = entry.projection->type.name;
    feeds_[name] = std::make_unique<FeedKeeper>(name, ClockOf(options_),
                                                MetricsOf(options_));
    wanted_[name][entry.consumer] = [this, entry] {
      ConsumerOptions consumer =
          ConsumerOptionsFor(*entry.projection, options_);
      consumer.name = entry.consumer;
      return FeedRunner::Start(store_,
                               MakeMemoryHandler(entry.projection, entry.table),
                               std::move(consumer), options_.process);
    };
  }

  EventStore& store_;
  const std::vector<Entry> entries_;
  const ProjectionsOptions options_;
  MemoryInlineWork inline_work_;
  const std::unique_ptr<EventStore> inline_store_;
  const std::unique_ptr<RowReader> reader_;
  // By projection; neither changes after construction.
  std::map<std::string, std::unique_ptr<FeedKeeper>> feeds_;
  std::map<std::string, FeedKeeper::Wanted> wanted_;
};

// What the log holds already, for a projection that then runs inline.
absl::Status CatchUp(EventStore& store, const Entry& entry) {
  return store.Transact([&](Transaction& tx) -> absl::Status {
    std::vector<RecordedEvent> events;
    ReadLogRequest request;
    request.types = entry.projection->event_types;
    LogProgress progress;
    do {
      request.after_position = progress.position;
      STELE_ASSIGN_OR_RETURN(progress,
                             store.ReadLog(request, [&](RecordedEvent event) {
                               events.push_back(std::move(event));
                               return absl::OkStatus();
                             }));
    } while (!progress.at_head);
    std::vector<EventRef> refs;
    for (const RecordedEvent& event : events) refs.push_back(&event);
    const auto rows = MakeMemoryRows(tx, *entry.projection, entry.table);
    return FoldRows(*entry.projection, refs, *rows);
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Projections>> MakeMemoryProjections(
    EventStore& store, std::vector<PlannedProjection> planned,
    ProjectionsOptions options) {
  std::vector<absl::Status> problems;
  for (const PlannedProjection& plan : planned) {
    if (!plan.projection->type.is_sql) continue;
    problems.push_back(absl::FailedPreconditionError(absl::StrCat(
        "projection ", plan.projection->type.name,
        " is written in SQL, and this store has none: use PostgreSQL, or the "
        "row form")));
  }
  STELE_RETURN_IF_ERROR(AllOf(problems));
  std::vector<Entry> entries;
  for (PlannedProjection& plan : planned) {
    const Projection& projection = *plan.projection;
    Entry entry{
        plan.projection, plan.is_inline, std::make_shared<MemoryTable>(),
        ConsumerName(projection.type.name, projection.fingerprint, 1, 1)};
    if (entry.is_inline) STELE_RETURN_IF_ERROR(CatchUp(store, entry));
    entries.push_back(std::move(entry));
  }
  return std::make_unique<MemoryProjections>(store, std::move(entries),
                                             std::move(options));
}

}  // namespace stele::projections_internal
