#include "instance.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele {
namespace sagas_internal {

absl::Status UnreadableEvent(const RecordedEvent& event) {
  return absl::DataLossError(absl::StrCat(
      "event ", event.version, " of stream ", Quoted(event.stream_id),
      " at position ", event.position, " cannot be read as ", event.type));
}

absl::Status UnreadableCommand(std::string_view type) {
  return absl::DataLossError(absl::StrCat(
      "a command of a saga's step cannot be read as ", ToAbsl(type)));
}

bool IsEnd(StoredSagaStatus status) {
  return status == SAGA_STATUS_COMPLETED || status == SAGA_STATUS_COMPENSATED;
}

absl::StatusOr<SagaStepped> ParseStep(const RecordedEvent& event) {
  SagaStepped step;
  if (!step.ParseFromString(event.payload) || step.step() < 1) {
    return UnreadableEvent(event);
  }
  return step;
}

absl::StatusOr<SagaTimerElapsed> ParseElapsed(const RecordedEvent& event) {
  SagaTimerElapsed elapsed;
  if (!elapsed.ParseFromString(event.payload)) return UnreadableEvent(event);
  return elapsed;
}

absl::StatusOr<SagaUndoGivenUp> ParseGivenUp(const RecordedEvent& event) {
  SagaUndoGivenUp given_up;
  if (!given_up.ParseFromString(event.payload)) return UnreadableEvent(event);
  return given_up;
}

namespace {

// Between the last step and the end of the stream there are few events: of
// timers that have run out, and of an undo that was given up.
constexpr std::int64_t kPage = 4;

absl::Status Adopt(const SagaType& type, const RecordedEvent& event,
                   SagaInstance& instance) {
  STELE_ASSIGN_OR_RETURN(instance.last, ParseStep(event));
  STELE_ASSIGN_OR_RETURN(instance.metadata, ParseMetadata(event.metadata));
  instance.state = type.new_state(instance.id);
  if (!instance.state->ParseFromString(instance.last.state())) {
    return absl::DataLossError(
        absl::StrCat("the state in event ", event.version, " of stream ",
                     Quoted(event.stream_id), " at position ", event.position,
                     " cannot be read as ", type.state_type));
  }
  return absl::OkStatus();
}

// Takes in one event of the stream, which is read backwards.
absl::Status TakeIn(const SagaType& type, const RecordedEvent& event,
                    SagaInstance& instance) {
  if (instance.version == 0) instance.version = event.version;
  if (instance.has_started()) return absl::OkStatus();
  if (event.type == kSteppedType) return Adopt(type, event, instance);
  if (event.type == kGivenUpType) {
    STELE_ASSIGN_OR_RETURN(const SagaUndoGivenUp given_up, ParseGivenUp(event));
    instance.given_up_command_id = given_up.command_id();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SagaInstance> LoadInstance(EventStore& store,
                                          const SagaType& type,
                                          std::string_view id) {
  SagaInstance instance;
  instance.id = std::string(id);
  instance.stream_id = MakeStreamId(type.category, id);
  ReadStreamRequest request = {.stream_id = instance.stream_id,
                               .direction = Direction::kBackwards,
                               .limit = kPage};
  while (true) {
    std::int64_t seen = 0;
    std::int64_t oldest = 0;
    absl::Status read = store.ReadStream(request, [&](RecordedEvent event) {
      ++seen;
      oldest = event.version;
      return TakeIn(type, event, instance);
    });
    if (absl::IsNotFound(read)) {
      instance.is_tombstoned = true;
      return instance;
    }
    STELE_RETURN_IF_ERROR(read);
    if (instance.has_started() || seen < kPage || oldest <= 1) break;
    request.from_version = oldest - 1;
  }
  if (instance.version > 0 && !instance.has_started()) {
    return absl::DataLossError(absl::StrCat(
        "stream ", Quoted(instance.stream_id), " holds no step of a saga"));
  }
  return instance;
}

}  // namespace sagas_internal
}  // namespace stele
