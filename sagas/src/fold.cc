#include "fold.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/base/trace.h"
#include "stele/eventstore/broken_text.h"

namespace stele::sagas_internal {
namespace {

// The space of the ids of commands that sagas send. Never change it.
constexpr Uuid kCommandSpace(Uuid::Bytes{0x5f, 0x1c, 0x3a, 0x52, 0x8e, 0x0d,
                                         0x4b, 0x6e, 0x9a, 0x41, 0x2d, 0x7c,
                                         0xe0, 0x93, 0x16, 0xb8});

// Due times stay within what the database and the format can hold.
constexpr absl::Duration kTimerMax = absl::Hours(24 * 366 * 100);

std::string HandlerName(const SagaType& type, std::string_view input) {
  return absl::StrCat("saga ", type.name, " on ", ToAbsl(input));
}

absl::StatusOr<Next> CallEventHandler(const SagaType& type,
                                      SagaInstance& instance,
                                      const RecordedEvent& event) {
  const auto handler = type.events.find(event.type);
  if (handler == type.events.end()) return UnreadableEvent(event);
  return InvokeUser(HandlerName(type, event.type),
                    [&] { return handler->second.on(*instance.state, event); });
}

absl::StatusOr<Next> CallRejectionHandler(const SagaType& type,
                                          SagaInstance& instance,
                                          const SagaInput& input) {
  const auto handler = type.rejections.find(input.command->type());
  if (handler == type.rejections.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "command ", input.command->type(), " of saga ", type.name, " ",
        Quoted(instance.id), " was rejected (", input.answer.reason(),
        "), and the saga has no handler for that: name the command in "
        "`sends`"));
  }
  return InvokeUser(
      HandlerName(type, "rejected " + input.command->type()), [&] {
        return handler->second(*instance.state, input.command->payload(),
                               input.answer.reason());
      });
}

absl::StatusOr<Next> CallTimerHandler(const SagaType& type,
                                      SagaInstance& instance,
                                      const StoredSagaTimer& timer) {
  const auto handler = type.timers.find(timer.name());
  if (handler == type.timers.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "timer ", Quoted(timer.name()), " of saga ", type.name, " ",
        Quoted(instance.id), " has run out, and the saga knows no such timer"));
  }
  const absl::Time due_at = absl::FromUnixMicros(timer.due_at_micros());
  return InvokeUser(HandlerName(type, "elapsed " + timer.name()),
                    [&]() -> absl::StatusOr<Next> {
                      return handler->second(*instance.state, due_at);
                    });
}

absl::StatusOr<Next> CallUser(const SagaType& type, SagaInstance& instance,
                              const SagaInput& input) {
  if (input.elapsed != nullptr) {
    return CallTimerHandler(type, instance, *input.elapsed);
  }
  if (input.answer.accepted() || input.answer.given_up()) {
    return Continue();  // An undo; ours alone.
  }
  if (input.command == nullptr) {
    return CallEventHandler(type, instance, *input.event);
  }
  return CallRejectionHandler(type, instance, input);
}

// Text that is no UTF-8 is written without complaint and cannot be read back:
// such a command could never be sent.
absl::Status CheckText(const SagaType& type, const SagaInstance& instance,
                       std::string_view what,
                       const google::protobuf::Message& message) {
  const std::string path = FindBrokenText(message);
  if (path.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "step ", instance.last.step() + 1, " of saga ", type.name, " ",
      Quoted(instance.id), ": field ", path, " of the ", ToAbsl(what), " ",
      message.GetDescriptor()->full_name(), " is not well-formed UTF-8"));
}

absl::Status CheckCommands(const SagaType& type, const SagaInstance& instance,
                           const Next& next) {
  for (const auto& message : next.commands()) {
    STELE_RETURN_IF_ERROR(CheckText(type, instance, "command", *message));
  }
  for (const auto& message : next.undos()) {
    STELE_RETURN_IF_ERROR(CheckText(type, instance, "undo", *message));
  }
  return absl::OkStatus();
}

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

// Text that is no UTF-8 is written without complaint and cannot be read back.
absl::Status CheckReadable(const SagaType& type, const SagaInstance& instance,
                           const SagaStepped& step) {
  if (type.new_state(instance.id)->ParseFromString(step.state())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "step ", step.step(), " of saga ", type.name, " ", Quoted(instance.id),
      " leaves a state that could not be read again: a string field of ",
      type.state_type, " is not valid UTF-8"));
}

absl::Status CheckStep(const SagaType& type, const SagaInstance& instance,
                       const SagaStepped& step, std::int64_t steps_max) {
  const std::size_t bytes = step.ByteSizeLong();
  if (bytes > kMaxPayloadBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step ", step.step(), " of saga ", type.name, " ", Quoted(instance.id),
        " has ", bytes, " bytes, ", step.state().size(),
        " of them its state; at most ", kMaxPayloadBytes, " can be stored"));
  }
  if (step.step() > steps_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "saga ", type.name, " ", Quoted(instance.id), " would take more than ",
        steps_max, " steps: it probably goes round in circles"));
  }
  return absl::OkStatus();
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
  STELE_RETURN_IF_ERROR(CheckStep(type, instance, draft.step, steps_max));
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
