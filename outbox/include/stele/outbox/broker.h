#ifndef STELE_OUTBOX_BROKER_H_
#define STELE_OUTBOX_BROKER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stele {

// A message on its way through a broker: a CloudEvent 1.0 in binary mode, its
// attributes as headers named "ce-...", its body the protobuf bytes of the
// event. Header values are any UTF-8 text: an adapter escapes what its protocol
// cannot carry.
struct BrokerMessage {
  // "ce-id": the event's id; with "ce-source", what consumers de-duplicate by.
  // Empty in a received message that has none.
  std::string id = {};

  // Where it goes, e.g. "orders.order": one or more tokens of letters, digits,
  // '_' and '-', joined by dots.
  std::string topic = {};

  std::string key = {};  // Messages of one key stay in order: the stream id.
  std::map<std::string, std::string> headers = {};
  std::string body = {};
  std::int64_t position = 0;  // In the log it comes from; 0 when received.
};

// What tells a message from all others of its topic: "ce-source" and id as one
// text of any bytes, at most 200. Empty if it has no id. For adapters of
// brokers that de-duplicate: by this and the topic, never by the id alone.
std::string IdentityOf(const BrokerMessage& message);

struct PublishResult {
  // The first this-many messages of the batch are acknowledged by the broker.
  std::size_t acknowledged = 0;
  absl::Status status;  // OK iff all are.
};

// A connection to a broker, for publishing. What its acknowledgement is worth
// (fsync or not) is said by each adapter.
//
// Not thread-safe: one thread at a time.
class BrokerPublisher {
 public:
  virtual ~BrokerPublisher() = default;

  // Publishes `batch` and waits for the acknowledgements. Messages of one topic
  // and key arrive in the order of the batch, however the call ends: none of
  // them arrives before all earlier ones have. After an error, messages beyond
  // the acknowledged prefix may or may not have arrived: publish them again,
  // with the same ids and in the same order. Reconnects by itself on the next
  // call.
  //
  //   kUnavailable       the broker cannot be reached or went away, or it does
  //                      not take messages at present.
  //   kDeadlineExceeded  it did not acknowledge in time.
  //   kInvalidArgument   it refuses a message for good (too large, say); the
  //                      message is the one after the acknowledged prefix.
  virtual PublishResult Publish(std::span<const BrokerMessage> batch) = 0;
};

// What became of a received message.
enum class Disposition {
  kAck,    // Done; never deliver it again.
  kRetry,  // Deliver it again after a while.
};

// A durable subscription to topics of a broker, for one consumer group.
//
// Messages of one topic and key come in the order they were published, as long
// as one consumer of the group is at work and settles all of them with kAck in
// the order they came. A message that is delivered again comes after its
// successors.
//
// Not thread-safe: one thread at a time. The destructor gives back what was
// not settled.
class BrokerConsumer {
 public:
  virtual ~BrokerConsumer() = default;

  // Waits at most `wait` for up to `limit` messages. An empty result is no
  // error. kUnavailable if the broker cannot be reached; reconnects by itself
  // on the next call.
  virtual absl::StatusOr<std::vector<BrokerMessage>> Fetch(
      std::size_t limit, absl::Duration wait) = 0;

  // Settles the message of the last Fetch() at `index`. A retried message comes
  // again after `delay`, and a message never settled after the broker's own
  // time-out. kUnavailable if it could not be sent: the message may come again.
  virtual absl::Status Settle(std::size_t index, Disposition disposition,
                              absl::Duration delay = absl::ZeroDuration()) = 0;
};

// A kind of broker and where it is. Thread-safe. Must outlive what it opened.
class Broker {
 public:
  virtual ~Broker() = default;
  virtual std::string Describe() const = 0;  // "NATS at nats://localhost:4222"

  // Errors: kUnavailable; kInvalidArgument for options or names the broker
  // cannot have; kFailedPrecondition for what exists there and does not fit.
  virtual absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() = 0;

  // `group` is durable: it begins with the first message the broker holds and
  // goes on where it was. Consumers of the same group share its messages.
  // Letters, digits, '_' and '-'. Errors as above.
  virtual absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>& topics, const std::string& group) = 0;
};

// OK iff the name is fit for any broker, or kInvalidArgument that says what is
// wrong with it.
absl::Status ValidateTopic(const std::string& topic);
absl::Status ValidateGroup(const std::string& group);

// OK iff `urls` is one or several of "scheme://[user[:password]@]host[:port]",
// separated by commas, or kInvalidArgument that says what is wrong with which,
// and repeats nothing of it: there may be passwords in it.
absl::Status ValidateBrokerUrls(std::string_view urls);

}  // namespace stele

#endif  // STELE_OUTBOX_BROKER_H_
