#include "command_run.h"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "refusal.h"
#include "settled_append.h"
#include "stele/base/backoff.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/base/trace.h"

namespace stele {
namespace {

using google::protobuf::Message;

// The n-th event that a command writes to a stream has an id of its own that
// does not change however often the command is tried. The stream is part of it,
// since a caller may send one command id to several.
Uuid EventId(const Uuid& command_id, const std::string& stream_id,
             std::size_t ordinal) {
  return Uuid::FromName(command_id, absl::StrCat(stream_id, "#", ordinal));
}

absl::Status Tombstoned(const std::string& stream_id) {
  return RejectedError("tombstoned", absl::StrCat("stream ", Quoted(stream_id),
                                                  " is closed for ever"));
}

// To whoever commands it, a closed stream is a rule that says no.
absl::Status ExplainRead(const absl::Status& status,
                         const std::string& stream_id) {
  return absl::IsNotFound(status) ? Tombstoned(stream_id) : status;
}

// Answers after which the events of an earlier try may still be there.
bool MayHideFirst(const absl::StatusOr<Receipt>& answer) {
  if (answer.ok()) return answer->events == 0;
  switch (answer.status().code()) {
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;  // The caller is told to try again, and finds out then.
  }
}

absl::Status ValidateText(const char* field, const std::string& text) {
  if (IsValidUtf8(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("DispatchOptions: ", field, " is not well-formed UTF-8"));
}

}  // namespace

CommandRun::CommandRun(EventStore& store, StreamTurns& turns,
                       const DispatcherOptions& options, CommandRoute& route,
                       const Message& message, const DispatchOptions& dispatch)
    : store_(store),
      turns_(turns),
      options_(options),
      route_(route),
      message_(message),
      dispatch_(dispatch),
      command_id_(dispatch.command_id.has_value() ? *dispatch.command_id
                                                  : options.ids->Next()),
      stream_id_(MakeStreamId(route.aggregate.category(),
                              route.command.id(message))) {}

absl::StatusOr<Receipt> CommandRun::Run() {
  STELE_RETURN_IF_ERROR(Prepare());
  return FirstAnswerOr(RunInTurn());
}

absl::StatusOr<Receipt> CommandRun::RunInTurn() {
  STELE_ASSIGN_OR_RETURN(stream_, turns_.Take(stream_id_));
  std::unique_ptr<StreamState> left;
  absl::Cleanup pass = [&] { turns_.Pass(stream_id_, std::move(left)); };

  absl::StatusOr<Receipt> receipt = DecideAndAppend(
      [this](const AppendRequest& request) {
        return AppendUntilSettled(store_, request, options_, was_in_doubt_);
      },
      options_.conflict_retries_max);
  std::optional<Snapshot> snapshot;
  const bool is_of_use =
      receipt.ok() ? stream_->fold().version() == receipt->version
                   : IsRejected(receipt.status()) && !route_.command.creates;
  if (is_of_use) {
    if (has_appended_) snapshot = stream_->TakeDueSnapshot();
    left = std::move(stream_);
  }
  std::move(pass).Invoke();
  if (snapshot.has_value()) SaveSnapshot(store_, *snapshot);
  return receipt;
}

// Takes no turn, for it would last as long as the transaction, and leaves
// snapshots to others, for the events may yet be rolled back.
absl::StatusOr<Receipt> CommandRun::RunIn(Transaction& tx) {
  STELE_RETURN_IF_ERROR(Prepare());
  is_in_transaction_ = true;
  return FirstAnswerOr(DecideAndAppend(
      [&tx](const AppendRequest& request) -> absl::StatusOr<AppendResult> {
        STELE_ASSIGN_OR_RETURN(std::vector<AppendResult> results,
                               tx.AppendAll(std::span(&request, 1)));
        return results.front();
      },
      /*conflict_retries_max=*/0));
}

absl::Status CommandRun::Prepare() {
  const std::string field =
      absl::StrCat("field ", route_.id_field, " of ", route_.command.type);
  if (IdOf(stream_id_).empty()) {
    return absl::InvalidArgumentError(absl::StrCat(field, " is empty"));
  }
  if (absl::Status status = ValidateStreamId(stream_id_); !status.ok()) {
    return Annotate(status, field);
  }
  if (command_id_.is_nil()) {
    return absl::InvalidArgumentError(
        "DispatchOptions: command_id is the nil UUID");
  }
  return PrepareMetadata();
}

absl::Status CommandRun::PrepareMetadata() {
  STELE_RETURN_IF_ERROR(
      ValidateText("correlation_id", dispatch_.correlation_id));
  STELE_RETURN_IF_ERROR(ValidateText("causation_id", dispatch_.causation_id));
  for (const auto& [name, value] : dispatch_.headers) {
    STELE_RETURN_IF_ERROR(ValidateText("a header's name", name));
    STELE_RETURN_IF_ERROR(ValidateText("a header's value", value));
  }
  const auto or_command_id = [this](const std::string& id) {
    return id.empty() ? command_id_.ToString() : id;
  };
  metadata_ = SerializeMetadata(
      {.correlation_id = or_command_id(dispatch_.correlation_id),
       .causation_id = or_command_id(dispatch_.causation_id),
       .command_id = command_id_,
       .traceparent = IsValidTraceparent(dispatch_.traceparent)
                          ? dispatch_.traceparent
                          : "",
       .headers = dispatch_.headers});
  if (metadata_.size() <= kMaxMetadataBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("DispatchOptions: headers and ids have ", metadata_.size(),
                   " bytes; at most ", kMaxMetadataBytes, " are accepted"));
}

absl::StatusOr<Receipt> CommandRun::DecideAndAppend(Append append,
                                                    int conflict_retries_max) {
  STELE_RETURN_IF_ERROR(Load());
  Backoff backoff(options_.conflict_backoff);
  int retries_left = conflict_retries_max;
  while (true) {
    STELE_ASSIGN_OR_RETURN(Plan plan, MakeFreshPlan());
    if (plan.request.events.empty()) return AnswerWithoutEvents(plan);
    const absl::StatusOr<AppendResult> appended = append(plan.request);
    if (appended.ok()) return AnswerAppended(*appended, std::move(plan));
    if (!absl::IsAborted(appended.status())) {
      return ExplainAppend(appended.status());
    }
    route_.metrics.Conflicted();
    const bool was_blind = route_.command.creates && !is_fresh_ &&
                           GetVersionConflict(appended.status()).has_value();
    if (!was_blind) {
      if (retries_left-- == 0) return appended.status();
      options_.wait(backoff.Next());
    }
    STELE_RETURN_IF_ERROR(CatchUp());
  }
}

absl::Status CommandRun::Load() {
  const bool creates = route_.command.creates;
  if (stream_ != nullptr) {
    must_not_exist_but_does_ = creates && stream_->fold().exists();
    return absl::OkStatus();
  }
  stream_ = std::make_unique<StreamState>(store_, route_.aggregate, stream_id_);
  if (!creates) {
    is_fresh_ = true;
    return ExplainRead(stream_->Load(), stream_id_);
  }
  // What a creating command needs to know, that nothing is there, its append
  // finds out by itself; but a transaction would be lost with that append.
  return is_in_transaction_ ? CatchUp() : absl::OkStatus();
}

absl::Status CommandRun::CatchUp() {
  is_fresh_ = true;
  if (!route_.command.creates) {
    return ExplainRead(stream_->CatchUp(), stream_id_);
  }
  const absl::StatusOr<bool> exists = stream_->LookForExistence();
  if (!exists.ok()) return ExplainRead(exists.status(), stream_id_);
  must_not_exist_but_does_ = *exists;
  return absl::OkStatus();
}

// An append checks by itself that the state it was decided on is current. Any
// other answer must not be given on a state that may lack events.
absl::StatusOr<CommandRun::Plan> CommandRun::MakeFreshPlan() {
  absl::StatusOr<Plan> plan = MakePlan();
  if (plan.ok() && !plan->request.events.empty()) return plan;
  if (is_fresh_) return plan;
  const std::int64_t version = stream_->fold().version();
  STELE_RETURN_IF_ERROR(CatchUp());
  const bool is_same =
      stream_->fold().version() == version && !must_not_exist_but_does_;
  return is_same ? std::move(plan) : MakePlan();
}

absl::StatusOr<CommandRun::Plan> CommandRun::MakePlan() {
  if (must_not_exist_but_does_) {
    return PlanRefusal(
        {"already_exists",
         absl::StrCat("stream ", Quoted(stream_id_), " exists already")});
  }
  STELE_ASSIGN_OR_RETURN(
      const UntypedDecision decision,
      route_.aggregate.Decide(route_.command, stream_->fold().state(),
                              message_));
  if (decision.rejection.has_value()) return PlanRefusal(*decision.rejection);
  if (decision.events.size() > kMaxEventsPerAppend) {
    return absl::InvalidArgumentError(absl::StrCat(
        "decider of ", route_.aggregate.name(), ": decided ",
        decision.events.size(), " events on one ", route_.command.type,
        "; at most ", kMaxEventsPerAppend, " are accepted"));
  }
  if (decision.events.empty()) return PlanNothing();
  Plan plan = EmptyPlan();
  plan.request.events.reserve(decision.events.size());
  for (const UntypedDecision::Event& event : decision.events) {
    STELE_RETURN_IF_ERROR(AddEvent(event, plan));
  }
  return plan;
}

CommandRun::Plan CommandRun::EmptyPlan() const {
  Plan plan = {.refusal = {},
               .changes_nothing = false,
               .request = {},
               .after = stream_->fold().Copy()};
  plan.request.stream_id = stream_id_;
  plan.request.expected_version =
      ExpectedVersion::Exactly(stream_->fold().version());
  plan.request.command_id = command_id_;
  return plan;
}

CommandRun::Plan CommandRun::PlanRefusal(const Rejection& rejection) const {
  Plan plan = EmptyPlan();
  // Nobody can repeat an id that the dispatcher made up.
  if (!dispatch_.remember_refusal || !dispatch_.command_id.has_value()) {
    plan.refusal =
        RejectedError(rejection.reason.empty() ? "rejected" : rejection.reason,
                      rejection.message);
    return plan;
  }
  const CommandRefused refusal = MakeRefusal(route_.command.type, rejection);
  plan.refusal = AnswerOf(refusal);
  plan.request.events.push_back(
      RefusalEvent(refusal, command_id_, stream_id_, metadata_));
  plan.after.ApplyNewAnswer();
  // What exists will not cease to, whatever is appended meanwhile.
  if (must_not_exist_but_does_) {
    plan.request.expected_version = ExpectedVersion::StreamExists();
  }
  return plan;
}

CommandRun::Plan CommandRun::PlanNothing() const {
  Plan plan = EmptyPlan();
  // The same.
  if (!dispatch_.remember_no_events || !dispatch_.command_id.has_value()) {
    return plan;
  }
  plan.changes_nothing = true;
  plan.request.events.push_back(ChangedNothingEvent(
      route_.command.type, command_id_, stream_id_, metadata_));
  plan.after.ApplyNewAnswer();
  return plan;
}

absl::Status CommandRun::AddEvent(const UntypedDecision::Event& event,
                                  Plan& plan) {
  // Before it is serialized, for protobuf cannot write more than 2 GiB.
  if (const std::size_t bytes = event.message->ByteSizeLong();
      bytes > kMaxPayloadBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "event ", event.type, " decided on ", route_.command.type, " has ",
        bytes, " bytes; at most ", kMaxPayloadBytes, " are accepted"));
  }
  NewEvent written = {
      .id = EventId(command_id_, stream_id_, plan.request.events.size()),
      .type = event.type,
      .payload = event.message->SerializeAsString(),
      .metadata = metadata_};
  if (absl::Status status = plan.after.ApplyNew(event, written.payload);
      !status.ok()) {
    return Annotate(status, absl::StrCat("deciding ", route_.command.type));
  }
  plan.request.events.push_back(std::move(written));
  return absl::OkStatus();
}

// A tombstoned stream is not the only thing that an append may fail on so.
absl::Status CommandRun::ExplainAppend(const absl::Status& status) {
  if (!absl::IsFailedPrecondition(status)) return status;
  STELE_ASSIGN_OR_RETURN(const StreamInfo stream, store_.GetStream(stream_id_));
  return stream.is_tombstoned ? Tombstoned(stream_id_) : status;
}

absl::StatusOr<Receipt> CommandRun::AnswerWithoutEvents(
    const Plan& plan) const {
  STELE_RETURN_IF_ERROR(plan.refusal);
  return ReceiptWithoutEvents(stream_->fold().version());
}

absl::StatusOr<Receipt> CommandRun::AnswerAppended(const AppendResult& result,
                                                   Plan plan) {
  if (result.was_duplicate) return FirstAnswer(result);
  is_settled_ = true;
  // Other events may be between, unless an exact version was expected.
  if (result.version == plan.after.version()) {
    stream_->Advance(std::move(plan.after));
    has_appended_ = true;
  }
  STELE_RETURN_IF_ERROR(plan.refusal);
  return plan.changes_nothing ? ReceiptWithoutEvents(result.version)
                              : ReceiptOf(result);
}

// The answer that was given when the command was first handled, by `first`.
absl::StatusOr<Receipt> CommandRun::FirstAnswer(const AppendResult& first) {
  is_settled_ = true;
  if (!dispatch_.command_id.has_value()) return ReceiptOf(first);
  STELE_ASSIGN_OR_RETURN(const std::optional<RecordedAnswer> answer,
                         FindAnswer(store_, stream_id_, first));
  if (!answer.has_value()) return ReceiptOf(first);
  STELE_RETURN_IF_ERROR(answer->status);
  Receipt receipt = ReceiptWithoutEvents(first.version);
  receipt.was_duplicate = true;
  return receipt;
}

// A command that has been handled before gets its first answer, whatever the
// rules would make of it now. An append finds that out by itself; any other
// answer has to look, which costs a round trip, but only if the caller chose
// the command id or an append of ours was in doubt: nobody else knows the id.
absl::StatusOr<Receipt> CommandRun::FirstAnswerOr(
    absl::StatusOr<Receipt> answer) {
  if (is_settled_ || !MayHideFirst(answer)) return answer;
  if (!dispatch_.command_id.has_value() && !was_in_doubt_) return answer;
  STELE_ASSIGN_OR_RETURN(const std::optional<AppendResult> first,
                         store_.FindCommand(stream_id_, command_id_));
  if (!first.has_value()) return answer;
  return FirstAnswer(*first);
}

Receipt CommandRun::ReceiptWithoutEvents(std::int64_t version) const {
  return {
      .stream_id = stream_id_, .version = version, .command_id = command_id_};
}

// An append in doubt that turns out to be there may be this run's own. Only a
// command id that others can know may have been handled before.
Receipt CommandRun::ReceiptOf(const AppendResult& result) const {
  const bool may_be_repeat = dispatch_.command_id.has_value();
  return {.stream_id = stream_id_,
          .version = result.version,
          .position = result.position,
          .events = static_cast<int>(result.version - result.first_version + 1),
          .command_id = command_id_,
          .was_duplicate = result.was_duplicate && may_be_repeat};
}

}  // namespace stele
