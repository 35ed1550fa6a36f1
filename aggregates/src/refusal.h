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

// The event of an aggregate's stream that says that a command was refused.
inline constexpr std::string_view kRefusedType = "stele.CommandRefused";

// What is recorded of a rejection. Its words become UTF-8 and are cut to some
// thousand bytes, so that they can always be stored.
CommandRefused MakeRefusal(const std::string& command_type,
                           const Rejection& rejection);

// The event that records `refusal` of the command in the stream.
NewEvent RefusalEvent(const CommandRefused& refusal, const Uuid& command_id,
                      const std::string& stream_id,
                      const std::string& metadata);

// The answer to whoever sent the command.
absl::Status AnswerOf(const CommandRefused& refusal);

// The refusal that `first`, an earlier append to the stream, recorded; nullopt
// if it recorded something else.
//
// Errors: those of the store; kAborted if the append is of a transaction that
// has not committed; kDataLoss if its bytes are corrupt.
absl::StatusOr<std::optional<CommandRefused>> FindRefusal(
    EventStore& store, const std::string& stream_id, const AppendResult& first);

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_REFUSAL_H_
