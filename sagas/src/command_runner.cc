#include "command_runner.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::sagas_internal {

std::string PlaceOf(const RecordedEvent& event,
                    const StoredSagaCommand& command, bool is_undo) {
  return absl::StrCat("event ", event.version, " of its stream, ",
                      is_undo ? "undo " : "command ", Quoted(command.type()));
}

namespace {

std::string Where(const std::string& saga, const RecordedEvent& event,
                  const StoredSagaCommand& command, bool is_undo) {
  return absl::StrCat("saga ", saga, " ", Quoted(IdOf(event.stream_id)), ", ",
                      PlaceOf(event, command, is_undo));
}

DispatchOptions OptionsFor(const RecordedEvent& event,
                           const EventMetadata& metadata, const Uuid& id,
                           bool is_undo) {
  // The saga goes on from an answer, so it must stay the same, even if an owner
  // that was frozen sends the command again when the rules have changed their
  // mind. From a refused undo it does not go on: the same command is tried
  // until it is accepted.
  return {.command_id = id,
          .remember_refusal = !is_undo,
          .remember_no_events = true,
          .correlation_id = metadata.correlation_id,
          .causation_id = event.id.ToString(),
          .traceparent = metadata.traceparent,
          .headers = metadata.headers};
}

}  // namespace

absl::StatusOr<StoredSagaAnswer> CommandRunner::RunOne(
    const StepCommands& work, const EventMetadata& metadata,
    const StoredSagaCommand& command) {
  const bool is_undo = command.command_id() == work.step.undoing_command_id();
  const std::optional<Uuid> id = Uuid::FromBytes(command.command_id());
  if (!id.has_value()) {
    return absl::DataLossError(
        absl::StrCat(Where(saga_, *work.event, command, is_undo),
                     ": its id cannot be read"));
  }
  StoredSagaAnswer answer;
  answer.set_command_id(command.command_id());
  answer.set_command_type(command.type());
  if (is_undo && work.is_undo_given_up) {
    answer.set_given_up(true);
    return answer;
  }
  const absl::Status status =
      dispatcher_
          .DispatchBytes(command.type(), command.payload(),
                         OptionsFor(*work.event, metadata, *id, is_undo))
          .status();
  if (status.ok()) {
    metrics_.CommandAccepted();
    answer.set_accepted(true);
    return answer;
  }
  if (!IsRejected(status)) {
    return Annotate(status, Where(saga_, *work.event, command, is_undo));
  }
  metrics_.CommandRejected();
  answer.set_reason(ToValidUtf8(RejectionReason(status)));
  if (is_undo) {
    return absl::FailedPreconditionError(absl::StrCat(
        "compensation_stuck: ", Where(saga_, *work.event, command, is_undo),
        ", which undoes a step, was refused: ", answer.reason()));
  }
  return answer;
}

absl::Status CommandRunner::RunStep(StepCommands& work) {
  STELE_ASSIGN_OR_RETURN(const EventMetadata metadata,
                         ParseMetadata(work.event->metadata));
  work.answers.clear();
  for (const StoredSagaCommand& command : work.step.commands()) {
    STELE_ASSIGN_OR_RETURN(StoredSagaAnswer answer,
                           RunOne(work, metadata, command));
    work.answers.push_back(std::move(answer));
  }
  return absl::OkStatus();
}

absl::Status CommandRunner::RunGroup(std::vector<StepCommands>& group) {
  for (StepCommands& work : group) {
    STELE_RETURN_IF_ERROR(RunStep(work));
  }
  return absl::OkStatus();
}

absl::Status CommandRunner::RunAll(
    std::span<std::vector<StepCommands>* const> groups, int parallel) {
  std::vector<absl::Status> results(groups.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < groups.size(); i = next++) {
      results[i] = RunGroup(*groups[i]);
    }
  };
  {
    std::vector<std::jthread> helpers;
    const std::size_t threads =
        std::min(groups.size(), static_cast<std::size_t>(parallel));
    for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(work);
    work();
  }
  for (absl::Status& result : results) {
    if (!result.ok()) return std::move(result);
  }
  return absl::OkStatus();
}

}  // namespace stele::sagas_internal
