#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold.h"
#include "google/protobuf/util/message_differencer.h"
#include "instance.h"
#include "stele/base/strings.h"
#include "stele/testing/saga_given.h"

namespace stele::testing::saga_given_internal {
namespace {

using ::google::protobuf::Message;
using ::google::protobuf::util::MessageDifferencer;
using sagas_internal::SagaInput;
using sagas_internal::SagaInstance;
using sagas_internal::StepDraft;
using sagas_internal::Verdict;

constexpr std::int64_t kStepsMax = 10'000;

std::string TextOf(const std::string& type, const Message& message) {
  return absl::StrCat(type, " { ", message.ShortDebugString(), " }");
}

std::string ListOf(const std::vector<std::string>& lines) {
  if (lines.empty()) return "  nothing\n";
  std::string list;
  for (const std::string& line : lines)
    absl::StrAppend(&list, "  ", line, "\n");
  return list;
}

std::vector<std::string> LinesOf(const Messages& messages) {
  std::vector<std::string> lines;
  for (const auto& message : messages) {
    lines.push_back(TextOf(message->GetDescriptor()->full_name(), *message));
  }
  return lines;
}

}  // namespace

struct SagaScript::Story {
  const SagaType& type;
  SagaInstance instance;
  std::int64_t position = 0;
  Verdict verdict = Verdict::kUnknown;
  std::optional<StepDraft> draft;       // Of the step before the claim.
  std::vector<StoredSagaCommand> sent;  // By all steps.

  static void Fail(const std::string& what, std::source_location where) {
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << what;
  }

  RecordedEvent NextEvent(std::string stream_id, std::string event_type,
                          std::string payload) {
    RecordedEvent event;
    event.stream_id = std::move(stream_id);
    event.version = 1;
    event.position = ++position;
    event.recorded_at = absl::FromUnixSeconds(1767225600 + position);
    event.id = Uuid::FromName(Uuid(), absl::StrCat(position));
    event.type = std::move(event_type);
    event.payload = std::move(payload);
    return event;
  }

  void Take(const SagaInput& input, std::source_location where) {
    draft.reset();
    verdict = sagas_internal::Judge(type, instance, input);
    if (verdict != Verdict::kStep) return;
    absl::StatusOr<StepDraft> taken =
        sagas_internal::TakeStep(type, instance, input, kStepsMax);
    if (!taken.ok()) {
      Fail(absl::StrCat("the step failed: ", taken.status().ToString()), where);
      return;
    }
    draft = *std::move(taken);
    for (const StoredSagaCommand& command : draft->step.commands()) {
      sent.push_back(command);
    }
  }

  // The step to be judged; null, and a failure, if the input led to none.
  const StepDraft* Judged(std::source_location where) {
    if (!draft.has_value()) {
      Fail(absl::StrCat("the input led to no step: ",
                        ToAbsl(sagas_internal::VerdictName(verdict))),
           where);
      return nullptr;
    }
    return &*draft;
  }

  // What a stored command says, by the type of the message it is compared to.
  std::string LineOf(const StoredSagaCommand& command,
                     const Messages& expected) const {
    for (const auto& like : expected) {
      if (like->GetDescriptor()->full_name() != command.type()) continue;
      const std::unique_ptr<Message> message(like->New());
      if (message->ParseFromString(command.payload())) {
        return TextOf(command.type(), *message);
      }
    }
    return absl::StrCat(command.type(), " { ... }");
  }

  bool IsUndo(const StoredSagaCommand& command) const {
    return command.command_id() == instance.last.undoing_command_id();
  }

  // Answers the undo that is out; its command is the last that was sent.
  void AnswerUndo(std::source_location where) {
    const StoredSagaCommand undo = sent.back();
    const RecordedEvent event = NextEvent(
        instance.stream_id, std::string(sagas_internal::kSteppedType), "");
    SagaInput input;
    input.event = &event;
    input.command = &undo;
    input.answer.set_command_id(undo.command_id());
    input.answer.set_command_type(undo.type());
    input.answer.set_accepted(true);
    Take(input, where);
  }
};

SagaScript::SagaScript(const SagaType& type, std::string id)
    : story_(new Story{.type = type,
                       .instance = {},
                       .position = 0,
                       .verdict = Verdict::kUnknown,
                       .draft = {},
                       .sent = {}}) {
  story_->instance.stream_id = MakeStreamId(type.category, id);
  story_->instance.id = std::move(id);
}
SagaScript::SagaScript(SagaScript&&) noexcept = default;
SagaScript::~SagaScript() = default;

void SagaScript::Event(std::string stream_id, std::string type,
                       const Message& event, std::source_location where) {
  const RecordedEvent recorded = story_->NextEvent(
      std::move(stream_id), std::move(type), event.SerializeAsString());
  const auto handler = story_->type.events.find(recorded.type);
  if (handler == story_->type.events.end()) {
    Story::Fail(absl::StrCat("saga ", story_->type.name, " does not consume ",
                             recorded.type),
                where);
    return;
  }
  const absl::StatusOr<std::string> key = handler->second.key_of(recorded);
  if (!key.ok() || *key != story_->instance.id) {
    Story::Fail(
        absl::StrCat("the route of ", recorded.type, " leads to ",
                     key.ok() ? Quoted(*key) : key.status().ToString(),
                     ", not to the instance ", Quoted(story_->instance.id)),
        where);
    return;
  }
  SagaInput input;
  input.event = &recorded;
  story_->Take(input, where);
}

void SagaScript::Rejected(const Message& command, std::string_view reason,
                          std::source_location where) {
  const std::string type = command.GetDescriptor()->full_name();
  const std::string payload = command.SerializeAsString();
  for (std::size_t i = story_->sent.size(); i-- > 0;) {
    const StoredSagaCommand sent = story_->sent[i];
    if (sent.type() != type || sent.payload() != payload) continue;
    const RecordedEvent event =
        story_->NextEvent(story_->instance.stream_id,
                          std::string(sagas_internal::kSteppedType), "");
    SagaInput input;
    input.event = &event;
    input.command = &sent;
    input.answer.set_command_id(sent.command_id());
    input.answer.set_command_type(type);
    input.answer.set_reason(std::string(reason));
    input.is_last_word =
        story_->instance.has_ended() && story_->draft &&
        i + story_->draft->step.commands_size() >= story_->sent.size();
    story_->Take(input, where);
    return;
  }
  Story::Fail(absl::StrCat("never sent, so it cannot be refused: ",
                           TextOf(type, command)),
              where);
}

void SagaScript::Elapsed(std::string_view timer, std::source_location where) {
  for (const StoredSagaTimer& waiting : story_->instance.last.timers()) {
    if (waiting.name() != timer) continue;
    const StoredSagaTimer elapsed = waiting;
    const RecordedEvent event =
        story_->NextEvent(story_->instance.stream_id,
                          std::string(sagas_internal::kElapsedType), "");
    SagaInput input;
    input.event = &event;
    input.elapsed = &elapsed;
    story_->Take(input, where);
    return;
  }
  Story::Fail(absl::StrCat("timer ", ToAbsl(timer),
                           " does not wait, so it cannot run out"),
              where);
}

void SagaScript::ExpectSends(const Messages& expected,
                             std::source_location where) {
  const StepDraft* draft = story_->Judged(where);
  if (draft == nullptr) return;
  std::vector<std::string> actual;
  for (const StoredSagaCommand& command : draft->step.commands()) {
    if (story_->IsUndo(command)) continue;
    actual.push_back(story_->LineOf(command, expected));
  }
  const std::vector<std::string> wanted = LinesOf(expected);
  if (actual == wanted) return;
  Story::Fail(absl::StrCat("expected the step to send\n", ListOf(wanted),
                           "but it sends\n", ListOf(actual)),
              where);
}

void SagaScript::ExpectTimer(std::string_view name, absl::Duration after,
                             std::source_location where) {
  const StepDraft* draft = story_->Judged(where);
  if (draft == nullptr) return;
  std::vector<std::string> started;
  for (const StepDraft::NewTimer& timer : draft->new_timers) {
    if (timer.name == name && timer.after == after) return;
    started.push_back(
        absl::StrCat(timer.name, " after ", absl::FormatDuration(timer.after)));
  }
  Story::Fail(absl::StrCat("expected the step to start the timer\n  ",
                           ToAbsl(name), " after ", absl::FormatDuration(after),
                           "\nbut it starts\n", ListOf(started)),
              where);
}

void SagaScript::ExpectNoTimer(std::string_view name,
                               std::source_location where) {
  for (const StoredSagaTimer& waiting : story_->instance.last.timers()) {
    if (waiting.name() == name) {
      Story::Fail(absl::StrCat("timer ", ToAbsl(name), " waits"), where);
    }
  }
}

void SagaScript::ExpectWaits(std::source_location where) {
  if (story_->Judged(where) == nullptr) return;
  if (story_->instance.last.status() != SAGA_STATUS_ACTIVE) {
    Story::Fail(
        absl::StrCat("expected the saga to be active, but it is ",
                     StoredSagaStatus_Name(story_->instance.last.status())),
        where);
  }
}

void SagaScript::ExpectCompletes(std::source_location where) {
  const StepDraft* draft = story_->Judged(where);
  if (draft == nullptr) return;
  if (draft->step.status() != SAGA_STATUS_COMPLETED) {
    Story::Fail(absl::StrCat("expected the step to complete the saga, but it "
                             "leaves it ",
                             StoredSagaStatus_Name(draft->step.status())),
                where);
  }
}

void SagaScript::ExpectCompensates(std::string_view reason,
                                   std::source_location where) {
  const StepDraft* draft = story_->Judged(where);
  if (draft == nullptr) return;
  const StoredSagaStatus status = draft->step.status();
  if (status != SAGA_STATUS_COMPENSATING && status != SAGA_STATUS_COMPENSATED) {
    Story::Fail(absl::StrCat("expected the step to compensate, but it leaves "
                             "the saga ",
                             StoredSagaStatus_Name(status)),
                where);
  } else if (draft->step.reason() != reason) {
    Story::Fail(absl::StrCat("expected the saga to compensate because of ",
                             Quoted(reason), ", but the reason is ",
                             Quoted(draft->step.reason())),
                where);
  }
}

void SagaScript::ExpectUndoes(const Messages& expected,
                              std::source_location where) {
  std::vector<std::string> actual;
  while (story_->instance.last.status() == SAGA_STATUS_COMPENSATING &&
         !story_->sent.empty() && story_->IsUndo(story_->sent.back())) {
    actual.push_back(story_->LineOf(story_->sent.back(), expected));
    story_->AnswerUndo(where);
  }
  const std::vector<std::string> wanted = LinesOf(expected);
  if (actual != wanted) {
    Story::Fail(absl::StrCat("expected the saga to undo, in this order,\n",
                             ListOf(wanted), "but it undoes\n", ListOf(actual)),
                where);
  }
  if (story_->instance.last.status() != SAGA_STATUS_COMPENSATED) {
    Story::Fail(
        absl::StrCat("expected the saga to end compensated, but it is ",
                     StoredSagaStatus_Name(story_->instance.last.status())),
        where);
  }
}

void SagaScript::ExpectDropped(std::string_view why,
                               std::source_location where) {
  const std::string_view verdict = sagas_internal::VerdictName(story_->verdict);
  if (story_->draft.has_value() || verdict != why) {
    Story::Fail(absl::StrCat("expected the input to be dropped as ",
                             ToAbsl(why), ", but it was ", ToAbsl(verdict)),
                where);
  }
}

void SagaScript::ExpectState(const Message& expected,
                             std::source_location where) {
  if (story_->instance.state == nullptr) {
    Story::Fail("the saga has not started, so it has no state", where);
    return;
  }
  std::string differences;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&differences);
  if (!differencer.Compare(expected, *story_->instance.state)) {
    Story::Fail(absl::StrCat("the state differs from what was expected:\n",
                             differences),
                where);
  }
}

}  // namespace stele::testing::saga_given_internal
