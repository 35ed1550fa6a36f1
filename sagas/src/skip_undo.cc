#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "command_runner.h"
#include "instance.h"
#include "place.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/base/uuid.h"
#include "stele/envelope.pb.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/sagas/saga_admin.h"
#include "story.h"

namespace stele {
namespace {

using sagas_internal::FindPlace;
using sagas_internal::kGivenUpType;
using sagas_internal::kSteppedType;
using sagas_internal::ParseStep;
using sagas_internal::Place;
using sagas_internal::PlaceOf;

// The undo that an instance waits for, as its stream tells it.
struct UndoOut {
  std::string id;            // Of the command; empty = there is none.
  std::int64_t version = 0;  // Of the stream.
  SagaStatus status = SagaStatus::kActive;  // Of the instance.
  RecordedEvent sent_by;                    // The step that sent it.
  std::int64_t step = 0;                    // Its number.
  StoredSagaCommand command;
  std::int64_t given_up_at = 0;  // Where the log says so last; 0 = nowhere.
};

// Reads backwards to the step that sent the undo of the last one.
class UndoSearch {
 public:
  // Sets `is_done` once all is known.
  absl::Status Visit(const RecordedEvent& event, bool& is_done) {
    if (found_.version == 0) found_.version = event.version;
    if (event.type == kGivenUpType && found_.given_up_at == 0) {
      found_.given_up_at = event.position;
    }
    if (event.type != kSteppedType) return absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(const SagaStepped step, ParseStep(event));
    if (!has_last_) {
      has_last_ = true;
      found_.id = step.undoing_command_id();
      found_.status = static_cast<SagaStatus>(step.status());
    }
    for (const StoredSagaCommand& command : step.commands()) {
      if (command.command_id() != found_.id) continue;
      found_.sent_by = event;
      found_.step = step.step();
      found_.command = command;
      is_done = true;
    }
    is_done = is_done || found_.id.empty();
    return absl::OkStatus();
  }

  UndoOut Take() { return std::move(found_); }

 private:
  UndoOut found_;
  bool has_last_ = false;
};

absl::StatusOr<UndoOut> FindUndoOut(EventStore& store,
                                    const std::string& stream_id) {
  UndoSearch search;
  bool is_done = false;
  const absl::Status read = store.ReadStream(
      {.stream_id = stream_id, .direction = Direction::kBackwards},
      [&](const RecordedEvent& event) -> absl::Status {
        STELE_RETURN_IF_ERROR(search.Visit(event, is_done));
        return is_done ? absl::CancelledError("seen enough") : absl::OkStatus();
      });
  if (is_done) return search.Take();
  STELE_RETURN_IF_ERROR(read);
  UndoOut out = search.Take();
  if (out.id.empty()) return out;
  return absl::DataLossError(
      absl::StrCat("stream ", Quoted(stream_id),
                   " does not hold the step that sent the "
                   "undo its last step waits for"));
}

// OK iff the instance is stuck at the undo `out` and at nothing else.
absl::Status CheckStuck(const UndoOut& out, const Place& place) {
  const std::int64_t sent_at = out.sent_by.position;
  if (place.position < sent_at) {
    return absl::FailedPreconditionError(absl::StrCat(
        "nothing is stuck: ", out.command.type(), ", which step ", out.step,
        " sent at position ", sent_at, ", is still being tried"));
  }
  if (!place.parked.has_value()) return absl::OkStatus();  // It was discarded.
  const ParkedKey& parked = *place.parked;
  if (parked.first_position > sent_at) return absl::OkStatus();  // The same.
  if (parked.first_position == sent_at &&
      absl::StrContains(parked.cause,
                        PlaceOf(out.sent_by, out.command, true))) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "what is stuck is not the undo ", out.command.type(), ", which step ",
      out.step, " sent at position ", sent_at, ", but what stands at position ",
      parked.first_position, ": ", parked.cause));
}

absl::Status AppendGivenUp(EventStore& store, const UndoOut& out) {
  SagaUndoGivenUp given_up;
  given_up.set_command_id(out.id);
  given_up.set_command_type(out.command.type());
  const absl::Status status =
      store
          .Append({.stream_id = out.sent_by.stream_id,
                   .expected_version = ExpectedVersion::Exactly(out.version),
                   .events = {{.id = RandomIds().Next(),
                               .type = std::string(kGivenUpType),
                               .payload = given_up.SerializeAsString(),
                               .metadata = ""}}})
          .status();
  if (!absl::IsAborted(status)) return status;
  return Annotate(status,
                  "the instance has gone on meanwhile, and nothing was given "
                  "up; look at it again");
}

// Has the step that sent the undo tried again at once, if that is what is
// parked. If the key is parked no longer, that has been done.
absl::Status TryAgain(ConsumerStorage& consumers, const std::string& consumer,
                      const UndoOut& out, const Place& place) {
  if (!place.parked.has_value() ||
      place.parked->first_position != out.sent_by.position) {
    return absl::OkStatus();
  }
  const absl::Status status = consumers.RequestParked(
      consumer, place.parked->key, ParkedState::kRetryNow);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace

absl::StatusOr<SkippedUndo> SagaAdmin::SkipUndo(const std::string& saga,
                                                const std::string& id) {
  const std::string consumer = absl::StrCat("saga/", saga);
  STELE_ASSIGN_OR_RETURN(
      const UndoOut out,
      FindUndoOut(store_, MakeStreamId(absl::StrCat("saga_", saga), id)));
  if (out.version == 0) {
    return absl::NotFoundError(absl::StrCat("there is no instance ", Quoted(id),
                                            " of saga ", Quoted(saga)));
  }
  if (out.id.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "nothing is stuck: the instance is ",
        ToAbsl(SagaStatusName(out.status)), " and no undo of it is out"));
  }
  // After the stream, so that what happens meanwhile is a conflict below.
  STELE_ASSIGN_OR_RETURN(const Place place,
                         FindPlace(store_.consumers(), consumer, id));
  SkippedUndo skipped;
  skipped.undo = sagas_internal::CommandLine(out.command, true);
  skipped.step = out.step;
  skipped.was_asked_before =
      out.given_up_at > 0 && place.IsAhead(out.given_up_at);
  if (!skipped.was_asked_before) {
    STELE_RETURN_IF_ERROR(CheckStuck(out, place));
    STELE_RETURN_IF_ERROR(AppendGivenUp(store_, out));
  }
  STELE_RETURN_IF_ERROR(TryAgain(store_.consumers(), consumer, out, place));
  return skipped;
}

}  // namespace stele
