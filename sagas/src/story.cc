#include "story.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "instance.h"
#include "stele/base/status.h"
#include "stele/base/uuid.h"
#include "stele/envelope.pb.h"

namespace stele::sagas_internal {

std::string MessageText(const std::string& type, const std::string& bytes) {
  namespace pb = google::protobuf;
  const pb::Descriptor* descriptor =
      pb::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  if (descriptor != nullptr) {
    const std::unique_ptr<pb::Message> message(
        pb::MessageFactory::generated_factory()
            ->GetPrototype(descriptor)
            ->New());
    pb::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string json;
    if (message->ParseFromString(bytes) &&
        pb::util::MessageToJsonString(*message, &json, options).ok()) {
      return json;
    }
  }
  return absl::BytesToHexString(bytes);
}

namespace {

std::string IdText(const std::string& bytes) {
  const std::optional<Uuid> id = Uuid::FromBytes(bytes);
  return id.has_value() ? id->ToString() : absl::BytesToHexString(bytes);
}

}  // namespace

SagaCommandLine CommandLine(const StoredSagaCommand& command, bool is_undo) {
  SagaCommandLine line;
  line.command_id = IdText(command.command_id());
  line.type = command.type();
  line.body = MessageText(command.type(), command.payload());
  line.is_undo = is_undo;
  return line;
}

namespace {

std::string InputText(const SagaStepped& step) {
  if (step.has_elapsed()) {
    return absl::StrCat("timer ", step.elapsed().name(), " ran out");
  }
  if (!step.has_answer()) return step.input_type();
  const StoredSagaAnswer& answer = step.answer();
  if (answer.accepted()) return absl::StrCat(answer.command_type(), " undone");
  if (answer.given_up()) {
    return absl::StrCat(answer.command_type(), " given up by an operator");
  }
  return absl::StrCat(answer.command_type(), " rejected: ", answer.reason());
}

SagaTimerLine TimerLine(const StoredSagaTimer& timer) {
  return {timer.name(), absl::FromUnixMicros(timer.due_at_micros())};
}

absl::StatusOr<SagaStepLine> StepLine(const RecordedEvent& event,
                                      const SagaStepped& step) {
  STELE_ASSIGN_OR_RETURN(const EventMetadata metadata,
                         ParseMetadata(event.metadata));
  SagaStepLine line;
  line.step = step.step();
  line.version = event.version;
  line.position = event.position;
  line.recorded_at = event.recorded_at;
  line.input = InputText(step);
  line.input_position = step.input_position();
  line.status = static_cast<SagaStatus>(step.status());
  line.reason = step.reason();
  line.state = MessageText(step.state_type(), step.state());
  line.correlation_id = metadata.correlation_id;
  for (const StoredSagaCommand& command : step.commands()) {
    line.commands.push_back(CommandLine(
        command, command.command_id() == step.undoing_command_id()));
  }
  for (const StoredSagaTimer& timer : step.timers()) {
    if (timer.set_version() == event.version) {
      line.timers.push_back(TimerLine(timer));
    }
  }
  line.cancelled_timers.assign(step.cancelled_timers().begin(),
                               step.cancelled_timers().end());
  return line;
}

using Answers = absl::flat_hash_map<std::string, StoredSagaAnswer>;

CommandOutcome OutcomeOf(const StoredSagaAnswer& answer) {
  if (answer.given_up()) return CommandOutcome::kGivenUp;
  return answer.accepted() ? CommandOutcome::kAccepted
                           : CommandOutcome::kRejected;
}

void SetOutcomes(const Answers& answers, std::int64_t checkpoint,
                 SagaStepLine& line) {
  for (SagaCommandLine& command : line.commands) {
    const auto answer = answers.find(command.command_id);
    if (answer == answers.end()) {
      // Those accepted leave no step; they are what the slot has passed by.
      // Of undos every answer leaves one.
      const bool is_passed = line.position <= checkpoint && !command.is_undo;
      command.outcome =
          is_passed ? CommandOutcome::kAccepted : CommandOutcome::kPending;
      continue;
    }
    command.outcome = OutcomeOf(answer->second);
    command.reason = answer->second.reason();
  }
}

void SetPresent(const SagaStepped& last, SagaStory& story) {
  for (const StoredSagaTimer& timer : last.timers()) {
    story.waiting_timers.push_back(TimerLine(timer));
  }
  for (int i = last.undo_stack_size(); i-- > 0;) {
    story.undo_stack.push_back(CommandLine(last.undo_stack(i), true));
  }
}

}  // namespace

absl::Status ReadStory(EventStore& store, const std::string& stream_id,
                       std::int64_t checkpoint, std::int64_t steps_max,
                       SagaStory& story) {
  Answers answers;
  std::deque<SagaStepLine> steps;
  const absl::Status read = store.ReadStream(
      {.stream_id = stream_id,
       .direction = Direction::kBackwards,
       .limit = steps_max},
      [&](RecordedEvent event) -> absl::Status {
        if (event.type != kSteppedType) return absl::OkStatus();
        STELE_ASSIGN_OR_RETURN(const SagaStepped step, ParseStep(event));
        if (steps.empty()) SetPresent(step, story);
        STELE_ASSIGN_OR_RETURN(SagaStepLine line, StepLine(event, step));
        SetOutcomes(answers, checkpoint, line);
        if (step.has_answer()) {
          answers.emplace(IdText(step.answer().command_id()), step.answer());
        }
        steps.push_front(std::move(line));
        return absl::OkStatus();
      });
  STELE_RETURN_IF_ERROR(read);
  story.steps.assign(std::make_move_iterator(steps.begin()),
                     std::make_move_iterator(steps.end()));
  return absl::OkStatus();
}

}  // namespace stele::sagas_internal
