#include "stele/sagas/saga_admin.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "commands_out.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/transaction.h"
#include "story.h"

namespace stele {
namespace {

constexpr std::string_view kConsumerPrefix = "saga/";

// What the consumers know of sagas, read once for a whole list.
class Consumers {
 public:
  explicit Consumers(EventStore& store)
      : store_(store), storage_(store.consumers()) {}

  absl::Status Load() {
    STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> consumers,
                           storage_.List());
    for (const ConsumerStatus& consumer : consumers) {
      if (!consumer.name.starts_with(kConsumerPrefix)) continue;
      const std::string saga = consumer.name.substr(kConsumerPrefix.size());
      sagas_.push_back(saga);
      for (const SlotStatus& slot : consumer.slots) {
        positions_[{saga, slot.slot}] = slot.position;
      }
      STELE_RETURN_IF_ERROR(
          commands_out_[saga].Load(store_, saga, consumer.slots));
      if (consumer.parked_keys == 0) continue;
      STELE_ASSIGN_OR_RETURN(std::vector<ParkedKey> keys,
                             storage_.ListParked(consumer.name));
      for (ParkedKey& key : keys) {
        parked_[saga].emplace(key.key, std::move(key));
      }
    }
    return absl::OkStatus();
  }

  const std::vector<std::string>& sagas() const { return sagas_; }

  // How far a slot has come; 0 if that is not known.
  std::int64_t PositionOf(const SagaRow& row) const {
    const auto found = positions_.find({row.saga, row.slot});
    return found == positions_.end() ? 0 : found->second;
  }

  // Of a saga that never ran nothing is known to be answered.
  bool HasCommandsOut(const SagaRow& row) const {
    const auto found = commands_out_.find(row.saga);
    return found == commands_out_.end() || found->second.Has(row.id);
  }

  using ParkedKeys = std::map<std::string, ParkedKey>;
  const ParkedKeys& ParkedOf(const std::string& saga) const {
    static const ParkedKeys* const none = new ParkedKeys();
    const auto found = parked_.find(saga);
    return found == parked_.end() ? *none : found->second;
  }

 private:
  EventStore& store_;
  ConsumerStorage& storage_;
  std::vector<std::string> sagas_;
  std::map<std::pair<std::string, int>, std::int64_t> positions_;
  std::map<std::string, sagas_internal::CommandsOut> commands_out_;
  std::map<std::string, ParkedKeys> parked_;
};

// How far the instance has been handled. Its slot goes on beyond an event that
// is parked, whose commands are not answered, and those held behind it.
std::int64_t HandledUpTo(const SagaRow& row, const Consumers& consumers) {
  const std::int64_t position = consumers.PositionOf(row);
  const auto& parked = consumers.ParkedOf(row.saga);
  const auto found = parked.find(row.id);
  return found == parked.end()
             ? position
             : std::min(position, found->second.first_position - 1);
}

bool IsRunning(SagaStatus status) {
  return status == SagaStatus::kActive || status == SagaStatus::kCompensating;
}

// While an instance compensates an undo is out. If none is, its answer is lost,
// or has come between two looks at the store.
constexpr absl::Duration kBetweenLooks = absl::Minutes(1);

bool MayBeStuck(const SagaSummary& summary, const SagaRow& row, absl::Time now,
                absl::Duration stuck_after) {
  if (!IsRunning(summary.status) || summary.has_commands_out) return false;
  if (summary.status == SagaStatus::kCompensating) {
    return row.updated_at < now - std::min(stuck_after, kBetweenLooks);
  }
  return row.timers == 0 && row.updated_at < now - stuck_after;
}

// `now` is by the storage's clock.
SagaSummary Summarize(SagaRow row, const Consumers& consumers, absl::Time now,
                      absl::Duration stuck_after) {
  SagaSummary summary;
  summary.status = row.status;
  const auto& parked = consumers.ParkedOf(row.saga);
  if (const auto found = parked.find(row.id); found != parked.end()) {
    summary.status = SagaStatus::kParked;
    summary.parked_cause = found->second.cause;
  }
  summary.has_commands_out = consumers.HasCommandsOut(row);
  summary.may_be_stuck = MayBeStuck(summary, row, now, stuck_after);
  summary.row = std::move(row);
  return summary;
}

// An instance that was parked before it took its first step has no row.
SagaRow RowOf(const std::string& saga, const ParkedKey& parked) {
  SagaRow row;
  row.saga = saga;
  row.id = parked.key;
  row.slot = parked.slot;
  row.updated_at = parked.parked_at;
  return row;
}

absl::StatusOr<SagaRow> FindParked(SagaStorage& storage,
                                   const std::string& saga,
                                   const ParkedKey& parked) {
  STELE_ASSIGN_OR_RETURN(std::optional<SagaRow> row,
                         storage.Find(saga, parked.key));
  return row.has_value() ? *std::move(row) : RowOf(saga, parked);
}

absl::StatusOr<std::vector<SagaSummary>> ListParkedSagas(
    SagaStorage& storage, const Consumers& consumers, const SagaQuery& query) {
  std::vector<SagaSummary> summaries;
  for (const std::string& saga : consumers.sagas()) {
    if (!query.saga.empty() && saga != query.saga) continue;
    for (const auto& [id, parked] : consumers.ParkedOf(saga)) {
      STELE_ASSIGN_OR_RETURN(SagaRow row, FindParked(storage, saga, parked));
      summaries.push_back(Summarize(std::move(row), consumers,
                                    absl::InfinitePast(), query.stuck_after));
    }
  }
  std::stable_sort(summaries.begin(), summaries.end(),
                   [](const SagaSummary& a, const SagaSummary& b) {
                     return a.row.updated_at < b.row.updated_at;
                   });
  if (static_cast<std::int64_t>(summaries.size()) > query.limit) {
    summaries.resize(query.limit);
  }
  return summaries;
}

// True iff an operator closed the instance's stream: it waits for nothing.
absl::StatusOr<bool> IsClosed(EventStore& store, const SagaSummary& summary) {
  STELE_ASSIGN_OR_RETURN(
      const StreamInfo stream,
      store.GetStream(MakeStreamId(absl::StrCat("saga_", summary.row.saga),
                                   summary.row.id)));
  return stream.is_tombstoned;
}

// The storage's own clock, which also dated the rows.
absl::StatusOr<absl::Time> StorageNow(EventStore& store, SagaStorage& storage) {
  absl::Time now;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) -> absl::Status {
    STELE_ASSIGN_OR_RETURN(now, storage.Now(tx));
    return absl::OkStatus();
  }));
  return now;
}

}  // namespace

absl::StatusOr<std::vector<SagaSummary>> SagaAdmin::List(
    const SagaQuery& query) {
  if (query.limit < 1 || query.limit > 100'000) {
    return absl::InvalidArgumentError(absl::StrCat(
        "SagaQuery.limit is ", query.limit, "; it must be from 1 to 100000"));
  }
  Consumers consumers(store_);
  STELE_RETURN_IF_ERROR(consumers.Load());
  if (query.status == SagaStatus::kParked) {
    return ListParkedSagas(storage_, consumers, query);
  }
  STELE_ASSIGN_OR_RETURN(const absl::Time now, StorageNow(store_, storage_));
  STELE_ASSIGN_OR_RETURN(
      std::vector<SagaRow> rows,
      storage_.List(
          {.saga = query.saga, .status = query.status, .limit = query.limit}));
  std::vector<SagaSummary> summaries;
  for (SagaRow& row : rows) {
    SagaSummary summary =
        Summarize(std::move(row), consumers, now, query.stuck_after);
    if (query.status.has_value() && summary.status != *query.status) continue;
    if (summary.may_be_stuck) {
      STELE_ASSIGN_OR_RETURN(const bool is_closed, IsClosed(store_, summary));
      summary.may_be_stuck = !is_closed;
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

absl::StatusOr<std::vector<SagaCounts>> SagaAdmin::Count() {
  Consumers consumers(store_);
  STELE_RETURN_IF_ERROR(consumers.Load());
  STELE_ASSIGN_OR_RETURN(const std::vector<SagaRowCount> rows,
                         storage_.Count());
  std::map<std::string, SagaCounts> by_saga;
  for (const SagaRowCount& row : rows) {
    SagaCounts& counts = by_saga[row.saga];
    switch (row.status) {
      case SagaStatus::kActive:
        counts.active = row.instances;
        break;
      case SagaStatus::kCompensating:
        counts.compensating = row.instances;
        break;
      case SagaStatus::kCompleted:
        counts.completed = row.instances;
        break;
      case SagaStatus::kCompensated:
        counts.compensated = row.instances;
        break;
      case SagaStatus::kParked:
        break;  // No row says so.
    }
  }
  for (const std::string& saga : consumers.sagas()) {
    by_saga[saga].parked =
        static_cast<std::int64_t>(consumers.ParkedOf(saga).size());
  }
  std::vector<SagaCounts> result;
  for (auto& [saga, counts] : by_saga) {
    counts.saga = saga;
    result.push_back(std::move(counts));
  }
  return result;
}

absl::StatusOr<SagaStory> SagaAdmin::Show(const std::string& saga,
                                          const std::string& id,
                                          std::int64_t steps_max) {
  Consumers consumers(store_);
  STELE_RETURN_IF_ERROR(consumers.Load());
  STELE_ASSIGN_OR_RETURN(std::optional<SagaRow> row, storage_.Find(saga, id));
  const auto& parked = consumers.ParkedOf(saga);
  const auto parked_key = parked.find(id);
  if (!row.has_value() && parked_key == parked.end()) {
    return absl::NotFoundError(absl::StrCat("there is no instance ", Quoted(id),
                                            " of saga ", Quoted(saga)));
  }
  if (!row.has_value()) row = RowOf(saga, parked_key->second);
  STELE_ASSIGN_OR_RETURN(const absl::Time now, StorageNow(store_, storage_));
  SagaStory story;
  story.summary =
      Summarize(*std::move(row), consumers, now, SagaQuery().stuck_after);
  if (story.summary.row.steps == 0) return story;
  STELE_RETURN_IF_ERROR(sagas_internal::ReadStory(
      store_, MakeStreamId(absl::StrCat("saga_", saga), id),
      HandledUpTo(story.summary.row, consumers), steps_max, story));
  return story;
}

}  // namespace stele
