#ifndef STELE_AGGREGATES_DISPATCHER_H_
#define STELE_AGGREGATES_DISPATCHER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stele/base/uuid.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace stele {

class Transaction;

// Proof that a command was decided and what it wrote is durable.
struct Receipt {
  std::string stream_id;
  std::int64_t version = 0;    // Of the stream afterwards.
  std::int64_t position = 0;   // Of the last event written; 0 if none was.
  int events = 0;              // Written; 0 if the decision was NoEvents.
  Uuid command_id;
  bool was_duplicate = false;  // This command id had been handled before.
};

struct DispatchOptions {
  // Makes a repeat harmless: the second command with this id on a stream
  // returns the first one's receipt. Unset = a new random id.
  std::optional<Uuid> command_id = std::nullopt;

  // Recorded beside the events. An empty correlation id becomes the command
  // id, an empty causation id too; an empty traceparent stays empty.
  std::string correlation_id = {};
  std::string causation_id = {};
  std::string traceparent = {};
  std::map<std::string, std::string> headers = {};
};

// Takes commands to their aggregates: loads the state, has it decide, and
// appends the events.
//
// Errors of all methods:
//   kFailedPrecondition  a rule said no: RejectionReason() tells which. Also
//                        when the command creates and the stream exists
//                        (reason "already_exists").
//   kInvalidArgument     no handler for the command, or a malformed id.
//   kAborted             other writers kept winning; nothing was written.
//   kUnknown             in doubt: dispatch again with the same command id.
//   kDataLoss            a stored event cannot be read; names stream, version
//                        and type.
//   kInternal            the decider threw.
//   kUnavailable, kDeadlineExceeded
//
// Thread-safe.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  virtual absl::StatusOr<Receipt> Dispatch(
      const google::protobuf::Message& command,
      const DispatchOptions& options = {}) = 0;

  // As Dispatch(), with the events appended in `tx`: durable when it commits.
  // A conflict is not retried here, for the transaction is lost with it.
  virtual absl::StatusOr<Receipt> DispatchIn(
      Transaction& tx, const google::protobuf::Message& command,
      const DispatchOptions& options = {}) = 0;

  // As Dispatch(), for a command kept as bytes: `type` is the full name of its
  // message. kDataLoss if `payload` is not one.
  virtual absl::StatusOr<Receipt> DispatchBytes(
      std::string_view type, std::string_view payload,
      const DispatchOptions& options = {}) = 0;
};

}  // namespace stele

#endif  // STELE_AGGREGATES_DISPATCHER_H_
