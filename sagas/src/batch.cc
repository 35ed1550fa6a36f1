#include "batch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/consumer.h"

namespace stele::sagas_internal {
namespace {

AppendRequest RequestFor(const InstanceWork& work) {
  AppendRequest request;
  request.stream_id = work.instance.stream_id;
  request.expected_version =
      ExpectedVersion::Exactly(work.drafts.front().version - 1);
  for (const StepDraft& draft : work.drafts) {
    request.events.push_back({.id = RandomIds().Next(),
                              .type = std::string(kSteppedType),
                              .payload = draft.step.SerializeAsString(),
                              .metadata = SerializeMetadata(draft.metadata)});
  }
  return request;
}

bool SetsTimers(const InstanceWork& work) {
  return std::any_of(
      work.drafts.begin(), work.drafts.end(),
      [](const StepDraft& draft) { return !draft.new_timers.empty(); });
}

template <typename Timers>
const StoredSagaTimer* FindTimer(const Timers& timers,
                                 const std::string& name) {
  for (const StoredSagaTimer& timer : timers) {
    if (timer.name() == name) return &timer;
  }
  return nullptr;
}

}  // namespace

absl::Status BatchWriter::SetDue(Transaction& tx,
                                 std::vector<InstanceWork*>& stepped) {
  if (std::none_of(stepped.begin(), stepped.end(),
                   [](InstanceWork* work) { return SetsTimers(*work); })) {
    return absl::OkStatus();
  }
  STELE_ASSIGN_OR_RETURN(const absl::Time now, storage_.Now(tx));
  for (InstanceWork* work : stepped) {
    SetDueTimes(work->drafts, now);
    work->instance.last = work->drafts.back().step;
  }
  return absl::OkStatus();
}

SagaWrite BatchWriter::WriteFor(const InstanceWork& work) const {
  const SagaStepped& last = work.instance.last;
  SagaWrite write;
  SagaRow& row = write.row;
  row.saga = type_.name;
  row.id = work.id;
  row.slot = SlotOf(work.id, slots_);
  row.status = static_cast<SagaStatus>(last.status());
  row.steps = last.step();
  row.last_input_position = last.input_position();
  row.undos =
      last.undo_stack_size() + (last.undoing_command_id().empty() ? 0 : 1);
  row.timers = last.timers_size();
  row.reason = last.reason();
  for (const StoredSagaTimer& timer : last.timers()) {
    const absl::Time due_at = absl::FromUnixMicros(timer.due_at_micros());
    row.next_timer_at = std::min(row.next_timer_at.value_or(due_at), due_at);
    const StoredSagaTimer* before = FindTimer(work.timers_before, timer.name());
    if (before == nullptr || before->set_version() != timer.set_version()) {
      write.set_timers.push_back({.slot = row.slot,
                                  .id = work.id,
                                  .name = timer.name(),
                                  .set_version = timer.set_version(),
                                  .due_at = due_at});
    }
  }
  for (const StoredSagaTimer& timer : work.timers_before) {
    if (FindTimer(last.timers(), timer.name()) == nullptr) {
      write.dropped_timers.push_back(timer.name());
    }
  }
  return write;
}

absl::Status BatchWriter::Write(Transaction& tx,
                                std::vector<InstanceWork>& works) {
  std::vector<InstanceWork*> stepped;
  for (InstanceWork& work : works) {
    if (!work.drafts.empty()) stepped.push_back(&work);
  }
  if (stepped.empty()) return absl::OkStatus();
  STELE_RETURN_IF_ERROR(SetDue(tx, stepped));

  std::vector<SagaWrite> writes;
  std::vector<AppendRequest> requests;
  for (const InstanceWork* work : stepped) {
    writes.push_back(WriteFor(*work));
    requests.push_back(RequestFor(*work));
  }
  STELE_RETURN_IF_ERROR(storage_.Write(tx, writes));
  // Last, for all readers of the log wait from here to the commit.
  return tx.AppendAll(requests).status();
}

}  // namespace stele::sagas_internal
