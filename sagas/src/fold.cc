#include "fold.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "call_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/base/trace.h"
#include "step_checks.h"

namespace stele::sagas_internal {
namespace {

// The space of the ids of commands that sagas send. Never change it.
constexpr Uuid kCommandSpace(Uuid::Bytes{0x5f, 0x1c, 0x3a, 0x52, 0x8e, 0x0d,
                                         0x4b, 0x6e, 0x9a, 0x41, 0x2d, 0x7c,
                                         0xe0, 0x93, 0x16, 0xb8});

// Due times stay within what the database and the format can hold.
constexpr absl::Duration kTimerMax = absl::Hours(24 * 366 * 100);

void AddCommands(const SagaInstance& instance, const Next& next,
                 StepDraft& draft) {
  int ordinal = 0;
  const auto fill = [&](const google::protobuf::Message& message,
                        StoredSagaCommand& command) {
    const Uuid id = CommandId(instance.stream_id, draft.version, ordinal++);
    command.set_command_id(std::string(id.AsBytes()));
    command.set_type(message.GetDescriptor()->full_name());
    message.SerializeToString(command.mutable_payload());
  };
  for (const auto& message : next.commands()) {
    fill(*message, *draft.step.add_commands());
  }
  for (const auto& message : next.undos()) {
    fill(*message, *draft.step.add_undo_stack());
  }
}

void DropTimer(SagaStepped& step, std::string_view name) {
  auto& timers = *step.mutable_timers();
  timers.erase(std::remove_if(timers.begin(), timers.end(),
                              [&](const StoredSagaTimer& timer) {
                                return timer.name() == name;
                              }),
               timers.end());
}

void ChangeTimers(const Next& next, StepDraft& draft) {
  for (const Next::TimerChange& change : next.timers()) {
    const int before = draft.step.timers_size();
    DropTimer(draft.step, change.name);
    std::erase_if(draft.new_timers,
                  [&](const auto& timer) { return timer.name == change.name; });
    if (!change.after.has_value()) {
      if (draft.step.timers_size() < before) {
        draft.step.add_cancelled_timers(change.name);
      }
      continue;
    }
    StoredSagaTimer& timer = *draft.step.add_timers();
    timer.set_name(change.name);
    timer.set_set_version(draft.version);
    draft.new_timers.push_back(
        {change.name,
         std::clamp(*change.after, absl::ZeroDuration(), kTimerMax)});
  }
}

void End(StoredSagaStatus status, StepDraft& draft) {
  draft.step.set_status(status);
  for (const StoredSagaTimer& timer : draft.step.timers()) {
    draft.step.add_cancelled_timers(timer.name());
  }
  draft.step.clear_timers();
  draft.new_timers.clear();
}

// Sends the undo on top of the stack, or ends the compensation.
void UndoNext(StepDraft& draft) {
  SagaStepped& step = draft.step;
  if (step.undo_stack().empty()) {
    End(SAGA_STATUS_COMPENSATED, draft);
    return;
  }
  StoredSagaCommand& undo = *step.add_commands();
  undo.Swap(step.mutable_undo_stack(step.undo_stack_size() - 1));
  step.mutable_undo_stack()->RemoveLast();
  step.set_undoing_command_id(undo.command_id());
  step.set_status(SAGA_STATUS_COMPENSATING);
}

// Where the saga stands after `next`. What compensates goes on compensating; a
// saga that completed stays so when it hears that one of its last commands was
// rejected, unless it then waits for a timer or compensates.
void Conclude(StoredSagaStatus before, const Next& next, StepDraft& draft) {
  SagaStepped& step = draft.step;
  if (before == SAGA_STATUS_COMPENSATING || before == SAGA_STATUS_COMPENSATED) {
    step.set_status(SAGA_STATUS_COMPENSATING);
    if (step.undoing_command_id().empty()) UndoNext(draft);
    return;
  }
  if (next.outcome() == Next::Outcome::kCompensate) {
    step.set_reason(ToValidUtf8(next.reason()));
    UndoNext(draft);
    return;
  }
  const bool stays_complete =
      before == SAGA_STATUS_COMPLETED && draft.new_timers.empty();
  if (next.outcome() == Next::Outcome::kComplete || stays_complete) {
    End(SAGA_STATUS_COMPLETED, draft);
    // Kept while a last command may yet be rejected and lead to compensation.
    if (step.commands().empty()) step.clear_undo_stack();
    return;
  }
  step.set_status(SAGA_STATUS_ACTIVE);
}

bool IsAnswer(const SagaInput& input) {
  return !input.answer.command_id().empty();
}

void DescribeInput(const SagaInput& input, SagaStepped& step) {
  step.set_input_position(input.event->position);
  step.set_input_type(input.event->type);
  step.set_input_event_id(std::string(input.event->id.AsBytes()));
  if (IsAnswer(input)) *step.mutable_answer() = input.answer;
  if (input.elapsed != nullptr) *step.mutable_elapsed() = *input.elapsed;
}

absl::StatusOr<EventMetadata> MetadataFor(const SagaInstance& instance,
                                          const RecordedEvent& event) {
  STELE_ASSIGN_OR_RETURN(EventMetadata cause, ParseMetadata(event.metadata));
  // A timer's record has no cause of its own: the saga's goes on.
  const bool has_cause = !cause.correlation_id.empty();
  const EventMetadata& from = has_cause ? cause : instance.metadata;
  EventMetadata metadata;
  metadata.correlation_id =
      from.correlation_id.empty() ? event.id.ToString() : from.correlation_id;
  metadata.causation_id = event.id.ToString();
  metadata.headers = from.headers;
  if (!from.traceparent.empty()) {
    metadata.traceparent = ChildTraceparent(from.traceparent);
  }
  return metadata;
}

StepDraft BeginDraft(const SagaType& type, const SagaInstance& instance,
                     const SagaInput& input) {
  StepDraft draft;
  draft.version = instance.version + 1;
  SagaStepped& step = draft.step;
  step.set_step(instance.last.step() + 1);
  step.set_state_type(type.state_type);
  step.set_reason(instance.last.reason());
  *step.mutable_undo_stack() = instance.last.undo_stack();
  *step.mutable_timers() = instance.last.timers();
  step.set_undoing_command_id(instance.last.undoing_command_id());
  if (input.elapsed != nullptr) DropTimer(step, input.elapsed->name());
  if (input.answer.command_id() == step.undoing_command_id()) {
    step.clear_undoing_command_id();
  }
  DescribeInput(input, step);
  return draft;
}

bool Waits(const SagaInstance& instance, const StoredSagaTimer& timer) {
  for (const StoredSagaTimer& waiting : instance.last.timers()) {
    if (waiting.name() == timer.name() &&
        waiting.set_version() == timer.set_version()) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kStep:
      return "step";
    case Verdict::kRepeated:
      return "repeated";
    case Verdict::kStarted:
      return "already_started";
    case Verdict::kLate:
      return "late";
    case Verdict::kUnknown:
      return "unknown_instance";
    case Verdict::kCancelled:
      return "timer_cancelled";
  }
  return "";
}

bool IsRepeated(const SagaInstance& instance, const RecordedEvent& event) {
  return event.position <= instance.last.input_position();
}

Verdict Judge(const SagaType& type, const SagaInstance& instance,
              const SagaInput& input) {
  if (instance.is_tombstoned) return Verdict::kLate;
  const bool is_event = !IsAnswer(input) && input.elapsed == nullptr;
  const bool starts = is_event && input.event->type == type.start_event;
  if (!instance.has_started()) {
    return starts ? Verdict::kStep : Verdict::kUnknown;
  }
  if (input.elapsed != nullptr && !Waits(instance, *input.elapsed)) {
    return Verdict::kCancelled;
  }
  if (instance.has_ended() && !input.is_last_word) return Verdict::kLate;
  if (starts) return Verdict::kStarted;
  if ((input.answer.accepted() || input.answer.given_up()) &&
      input.answer.command_id() != instance.last.undoing_command_id()) {
    return Verdict::kRepeated;
  }
  return Verdict::kStep;
}

Uuid CommandId(std::string_view stream_id, std::int64_t version, int ordinal) {
  return Uuid::FromName(kCommandSpace, absl::StrCat(ToAbsl(stream_id), "@",
                                                    version, "#", ordinal));
}

absl::StatusOr<StepDraft> TakeStep(const SagaType& type, SagaInstance& instance,
                                   const SagaInput& input,
                                   std::int64_t steps_max) {
  if (instance.state == nullptr) instance.state = type.new_state(instance.id);
  STELE_ASSIGN_OR_RETURN(const Next next, CallUser(type, instance, input));
  StepDraft draft = BeginDraft(type, instance, input);
  STELE_ASSIGN_OR_RETURN(draft.metadata, MetadataFor(instance, *input.event));
  STELE_RETURN_IF_ERROR(CheckCommands(type, instance, next));
  AddCommands(instance, next, draft);
  ChangeTimers(next, draft);
  Conclude(instance.last.status(), next, draft);
  instance.state->SerializeToString(draft.step.mutable_state());
  STELE_RETURN_IF_ERROR(CheckReadable(type, instance, draft.step));
  STELE_RETURN_IF_ERROR(CheckSize(type, instance, draft.step, steps_max));
  instance.version = draft.version;
  instance.last = draft.step;
  instance.metadata = draft.metadata;
  return draft;
}

void SetDueTimes(std::vector<StepDraft>& drafts, absl::Time now) {
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> due;
  for (StepDraft& draft : drafts) {
    for (const StepDraft::NewTimer& timer : draft.new_timers) {
      due[{timer.name, draft.version}] = absl::ToUnixMicros(now + timer.after);
    }
    for (StoredSagaTimer& timer : *draft.step.mutable_timers()) {
      const auto found = due.find({timer.name(), timer.set_version()});
      if (found != due.end()) timer.set_due_at_micros(found->second);
    }
  }
}

}  // namespace stele::sagas_internal
