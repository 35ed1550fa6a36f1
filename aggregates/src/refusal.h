#ifndef STELE_AGGREGATES_SRC_REFUSAL_H_
#define STELE_AGGREGATES_SRC_REFUSAL_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stele/aggregates/decision.h"
#include "stele/base/uuid.h"
#include "stele/envelope.pb.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// The events of an aggregate's stream that say how a command was answered that
// wrote none of the aggregate's own.
inline constexpr std::string_view kRefusedType = "stele.CommandRefused";
inline constexpr std::string_view kChangedNothingType =
    "stele.CommandChangedNothing";
inline bool IsAnswerType(std::string_view type) {
  return type == kRefusedType || type == kChangedNothingType;
}

// What is recorded of a rejection. Its words become UTF-8 and are cut to some
// thousand bytes, so that they can always be stored.
CommandRefused MakeRefusal(const std::string& command_type,
                           const Rejection& rejection);

// The event that records `refusal` of the command in the stream.
NewEvent RefusalEvent(const CommandRefused& refusal, const Uuid& command_id,
                      const std::string& stream_id,
                      const std::string& metadata);

// The event that records that the command was accepted and changed nothing.
NewEvent ChangedNothingEvent(const std::string& command_type,
                             const Uuid& command_id,
                             const std::string& stream_id,
                             const std::string& metadata);

// The answer to whoever sent the command.
absl::Status AnswerOf(const CommandRefused& refusal);

struct RecordedAnswer {
  absl::Status status;  // OK: accepted, without events.
};

// The answer that `first`, an earlier append to the stream, recorded; nullopt
// if it recorded events of the aggregate's own.
//
// Errors: those of the store; kAborted if the append is of a transaction that
// has not committed; kDataLoss if its bytes are corrupt.
absl::StatusOr<std::optional<RecordedAnswer>> FindAnswer(
    EventStore& store, const std::string& stream_id, const AppendResult& first);

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_REFUSAL_H_
