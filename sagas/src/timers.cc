#include "timers.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "instance.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"
#include "stele/envelope.pb.h"

namespace stele::sagas_internal {
namespace {

// The space of the ids of timer records. Never change it.
constexpr Uuid kRecordSpace(Uuid::Bytes{0xc2, 0x77, 0x0a, 0x1e, 0x64, 0xd9,
                                        0x4f, 0x15, 0x8b, 0x3a, 0x90, 0x5e,
                                        0x1d, 0x2c, 0x47, 0xf6});

NewEvent RecordOf(const std::string& stream_id, const SagaTimerRow& row) {
  SagaTimerElapsed record;
  record.mutable_timer()->set_name(row.name);
  record.mutable_timer()->set_set_version(row.set_version);
  record.mutable_timer()->set_due_at_micros(absl::ToUnixMicros(row.due_at));
  return {.id = Uuid::FromName(
              kRecordSpace,
              absl::StrCat(stream_id, "@", row.set_version, "#", row.name)),
          .type = std::string(kElapsedType),
          .payload = record.SerializeAsString(),
          .metadata = ""};
}

std::vector<AppendRequest> RequestsFor(const SagaType& type,
                                       std::span<const SagaTimerRow> timers) {
  std::map<std::string, AppendRequest> by_id;
  for (const SagaTimerRow& timer : timers) {
    AppendRequest& request = by_id[timer.id];
    request.stream_id = MakeStreamId(type.category, timer.id);
    request.expected_version = ExpectedVersion::StreamExists();
    request.events.push_back(RecordOf(request.stream_id, timer));
  }
  std::vector<AppendRequest> requests;
  for (auto& [id, request] : by_id) requests.push_back(std::move(request));
  return requests;
}

// The cached instance keeps up with its stream, or is forgotten.
void KeepUp(const std::string& stream_id, const AppendResult& result,
            InstanceCache& cache) {
  const std::string id(IdOf(stream_id));
  SagaInstance* cached = cache.Find(id);
  if (cached == nullptr) return;
  if (!result.was_duplicate && cached->version + 1 == result.first_version) {
    cached->version = result.version;
  } else {
    cache.Take(id);
  }
}

// Whether `status` may mean that a stream is closed, or is not there. It may
// also mean something that has nothing to do with the timer, such as tables
// that are not there.
bool MayBeClosed(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsFailedPrecondition(status) ||
         absl::IsInvalidArgument(status) || absl::IsNotFound(status);
}

}  // namespace

void TimerWatch::ExpectWithin(absl::Duration after) {
  const SteadyTime due =
      std::chrono::steady_clock::now() +
      absl::ToChronoMicroseconds(std::min(after, absl::Hours(1)));
  ask_at_ = std::min(ask_at_, due);
}

absl::Status TimerWatch::TakeUp(std::span<const SagaTimerRow> timers,
                                InstanceCache& cache) {
  std::vector<AppendRequest> requests;
  std::vector<AppendResult> results;
  const absl::Status status =
      store_.Transact([&](Transaction& tx) -> absl::Status {
        STELE_ASSIGN_OR_RETURN(const std::vector<SagaTimerRow> taken,
                               storage_.TakeTimers(tx, type_.name, timers));
        requests = RequestsFor(type_, taken);
        results.clear();
        if (requests.empty()) return absl::OkStatus();
        STELE_ASSIGN_OR_RETURN(results, tx.AppendAll(requests));
        return absl::OkStatus();
      });
  if (!status.ok()) {
    // It may have happened: what is remembered of them may be out of date.
    for (const SagaTimerRow& timer : timers) cache.Take(timer.id);
    return status;
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    KeepUp(requests[i].stream_id, results[i], cache);
  }
  return absl::OkStatus();
}

// A stream that is closed, or is gone, as after a restore of some tables only,
// takes no record; its timers are void, all of them. Nothing else makes them
// so: a timer that was dropped is a saga that waits for ever.
absl::Status TimerWatch::TakeUpOneByOne(std::span<const SagaTimerRow> timers,
                                        InstanceCache& cache) {
  for (const SagaTimerRow& timer : timers) {
    const absl::Status status = TakeUp({&timer, 1}, cache);
    if (status.ok()) continue;
    if (!MayBeClosed(status)) return status;
    STELE_ASSIGN_OR_RETURN(
        const StreamInfo stream,
        store_.GetStream(MakeStreamId(type_.category, timer.id)));
    if (!stream.is_tombstoned && stream.version > 0) return status;
    Log(LogLevel::kWarning,
        stream.is_tombstoned ? "saga timer is void: its stream is closed"
                             : "saga timer is void: its stream is not there",
        {{"saga", type_.name},
         {"instance", timer.id},
         {"timer", timer.name},
         {"error", std::string(status.message())}});
    STELE_RETURN_IF_ERROR(store_.Transact([&](Transaction& tx) {
      return storage_.VoidTimers(tx, type_.name, timer.id);
    }));
  }
  return absl::OkStatus();
}

absl::Status TimerWatch::TakeUpDue(std::span<const int> slots,
                                   InstanceCache& cache,
                                   EngineMetrics& metrics) {
  const SteadyTime asked_at = std::chrono::steady_clock::now();
  if (asked_at < ask_at_ || slots.empty()) return absl::OkStatus();
  STELE_ASSIGN_OR_RETURN(const DueTimers due,
                         storage_.ReadDue(type_.name, slots, limit_));
  if (due.timers.empty()) {
    ask_at_ = asked_at + absl::ToChronoMicroseconds(due.next_in);
    return absl::OkStatus();
  }
  absl::Status status = TakeUp(due.timers, cache);
  if (MayBeClosed(status)) status = TakeUpOneByOne(due.timers, cache);
  STELE_RETURN_IF_ERROR(status);
  for (const SagaTimerRow& timer : due.timers) {
    metrics.TimerElapsed(due.now - timer.due_at);
  }
  return absl::OkStatus();
}

}  // namespace stele::sagas_internal
