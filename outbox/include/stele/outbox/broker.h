#ifndef STELE_OUTBOX_BROKER_H_
#define STELE_OUTBOX_BROKER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
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
// event.
struct BrokerMessage {
  std::string id;     // "ce-id": the event's id; what consumers de-duplicate by.
  std::string topic;  // Where it goes, e.g. "orders.order".
  std::string key;    // Messages of one key stay in order: the stream id.
  std::map<std::string, std::string> headers;
  std::string body;
  std::int64_t position = 0;  // In the log it comes from; 0 when received.
};

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

  // Publishes `batch` in order and waits for the acknowledgements. After an
  // error, messages beyond the acknowledged prefix may or may not have arrived:
  // publish them again, with the same ids and in the same order. Reconnects by
  // itself on the next call.
  //
  //   kUnavailable       the broker cannot be reached or went away.
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
// Not thread-safe: one thread at a time.
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
  // time-out.
  virtual absl::Status Settle(std::size_t index, Disposition disposition,
                              absl::Duration delay = absl::ZeroDuration()) = 0;
};

// A kind of broker and where it is. Thread-safe.
class Broker {
 public:
  virtual ~Broker() = default;
  virtual std::string Describe() const = 0;  // "NATS at nats://localhost:4222"
  virtual absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() = 0;
  // `group` is durable: consumers of the same group share its messages.
  virtual absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>& topics, const std::string& group) = 0;
};

}  // namespace stele

#endif  // STELE_OUTBOX_BROKER_H_
