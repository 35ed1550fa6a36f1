#include "refusal.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

constexpr std::size_t kReasonBytesMax = 1024;
constexpr std::size_t kMessageBytesMax = 8192;

// A tombstoned stream can no longer be read as one, but the log keeps its
// events.
absl::StatusOr<std::optional<RecordedEvent>> ReadFromLog(
    EventStore& store, const std::string& stream_id, std::int64_t position) {
  std::optional<RecordedEvent> found;
  STELE_ASSIGN_OR_RETURN(
      const LogProgress progress,
      store.ReadLog({.after_position = position - 1, .limit = 1},
                    [&](RecordedEvent event) {
                      if (event.position == position) found = std::move(event);
                      return absl::OkStatus();
                    }));
  if (!found.has_value() && progress.position < position) {
    return absl::UnavailableError(absl::StrCat(
        "the log does not yet reach to position ", position,
        ", where the command on stream ", Quoted(stream_id), " was answered"));
  }
  return found;
}

absl::StatusOr<std::optional<RecordedEvent>> ReadEvent(
    EventStore& store, const std::string& stream_id,
    const AppendResult& appended) {
  std::optional<RecordedEvent> found;
  const absl::Status status = store.ReadStream(
      {.stream_id = stream_id, .from_version = appended.version, .limit = 1},
      [&](RecordedEvent event) {
        found = std::move(event);
        return absl::OkStatus();
      });
  if (absl::IsNotFound(status)) {
    return ReadFromLog(store, stream_id, appended.position);
  }
  STELE_RETURN_IF_ERROR(status);
  return found;
}

}  // namespace

CommandRefused MakeRefusal(const std::string& command_type,
                           const Rejection& rejection) {
  CommandRefused refusal;
  refusal.set_command_type(command_type);
  refusal.set_reason(
      rejection.reason.empty()
          ? "rejected"
          : ToValidUtf8(rejection.reason.substr(0, kReasonBytesMax)));
  refusal.set_message(
      ToValidUtf8(rejection.message.substr(0, kMessageBytesMax)));
  return refusal;
}

NewEvent RefusalEvent(const CommandRefused& refusal, const Uuid& command_id,
                      const std::string& stream_id,
                      const std::string& metadata) {
  return {.id = Uuid::FromName(command_id, absl::StrCat(stream_id, "#refused")),
          .type = std::string(kRefusedType),
          .payload = refusal.SerializeAsString(),
          .metadata = metadata};
}

NewEvent ChangedNothingEvent(const std::string& command_type,
                             const Uuid& command_id,
                             const std::string& stream_id,
                             const std::string& metadata) {
  CommandChangedNothing answer;
  answer.set_command_type(command_type);
  return {.id = Uuid::FromName(command_id,
                               absl::StrCat(stream_id, "#changed_nothing")),
          .type = std::string(kChangedNothingType),
          .payload = answer.SerializeAsString(),
          .metadata = metadata};
}

absl::Status AnswerOf(const CommandRefused& refusal) {
  return RejectedError(refusal.reason(), refusal.message());
}

absl::StatusOr<std::optional<RecordedAnswer>> FindAnswer(
    EventStore& store, const std::string& stream_id,
    const AppendResult& first) {
  using Answer = std::optional<RecordedAnswer>;
  if (first.first_version != first.version)
    return Answer();  // It is one event.
  STELE_ASSIGN_OR_RETURN(const std::optional<RecordedEvent> event,
                         ReadEvent(store, stream_id, first));
  if (!event.has_value()) {
    return absl::AbortedError(
        absl::StrCat("the command on stream ", Quoted(stream_id),
                     " was handled in this very transaction"));
  }
  if (event->type == kChangedNothingType) return Answer(RecordedAnswer());
  if (event->type != kRefusedType) return Answer();
  CommandRefused refusal;
  if (refusal.ParseFromString(event->payload)) {
    return Answer(RecordedAnswer{AnswerOf(refusal)});
  }
  return absl::DataLossError(
      absl::StrCat("stream ", Quoted(stream_id), " version ", event->version,
                   " position ", event->position, " type ", event->type,
                   ": its ", event->payload.size(), " bytes cannot be read"));
}

}  // namespace stele
