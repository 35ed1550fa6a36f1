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

// Proof that a command was decided. What it wrote is durable when Dispatch()
// returns it; of DispatchIn(), once `tx` has committed.
struct Receipt {
  std::string stream_id;
  std::int64_t version = 0;   // Of the stream afterwards.
  std::int64_t position = 0;  // Of the last event written; 0 if none was.
  int events = 0;             // Written; 0 if the decision was NoEvents.
  Uuid command_id;
  bool was_duplicate = false;  // This command id had been handled before.
};

struct DispatchOptions {
  // The second command with this id on a stream returns the receipt of the
  // first, even if the rules would refuse it by now. The id is known by the
  // events: a command that was refused or wrote none is decided afresh, and may
  // have something to do by then, unless one of the next two options was set.
  // Not nil. Unset = a new random id.
  std::optional<Uuid> command_id = std::nullopt;

  // Makes a refusal final: it is recorded in the stream before it is answered,
  // and whoever sends the command id again, with this option or without, gets
  // the same rejection, even if the rules would accept it by now. For senders
  // that act on a refusal while another copy of the command may be under way.
  // Costs one append for each refusal. Without a command_id there is nothing to
  // remember. Not recorded: "tombstoned", which is final anyway, and what is no
  // rejection. A reason is kept to 1 KiB, a message to 8 KiB.
  bool remember_refusal = false;

  // The same for an answer without events: whoever sends the command id again
  // gets that answer, even if there would be something to do by now.
  bool remember_no_events = false;

  // Recorded beside the events. An empty correlation id becomes the command
  // id, an empty causation id too. A traceparent that is malformed is dropped,
  // as the W3C asks. All together at most kMaxMetadataBytes of UTF-8.
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
//                        (reason "already_exists"), and when the stream is
//                        closed for ever ("tombstoned").
//   kInvalidArgument     no aggregate takes the command; a malformed id; events
//                        too large, or with text that is not UTF-8.
//   kAborted             other writers kept winning; nothing was written.
//   kUnknown             in doubt: dispatch again with the same command id.
//   kDataLoss            a stored event cannot be read; names stream, version,
//                        position and type.
//   kInternal            the decider threw; nothing was written.
//   kResourceExhausted   too many commands wait; nothing was written.
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
  // Decides on what was committed before, so a second command to the same
  // stream in one transaction fails with kAborted. A conflict is not retried
  // here, for the transaction is lost with it; after a rejection the
  // transaction is as it was, but for a refusal to be remembered, which is
  // recorded if it commits.
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
