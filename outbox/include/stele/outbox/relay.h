#ifndef STELE_OUTBOX_RELAY_H_
#define STELE_OUTBOX_RELAY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/backoff.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/event_store.h"
#include "stele/outbox/broker.h"
#include "stele/outbox/relay_routes.h"

namespace stele {

struct RelayOptions {
  // Which broker this is, in the consumer's name "relay/<name>" and in metrics.
  std::string name = "broker";

  // The "ce-source" of all messages: a URI reference that names the service,
  // "/orders" or "https://example.com/orders". Never empty. Consumers
  // de-duplicate by it and the event's id: keep it.
  std::string source = {};

  // Where a relay begins that the store does not know yet.
  std::int64_t start_position = 0;

  int slots = 16;              // 1 to 1024; fixed once registered.
  int batch_events_max = 500;  // Published and checkpointed together.
  absl::Duration lease = absl::Seconds(10);

  // Waits between tries while the broker or the database is away.
  BackoffOptions retry = {absl::Milliseconds(50), absl::Seconds(10)};
  // Waits between tries of a message that the broker refuses for good.
  BackoffOptions park_backoff = {absl::Seconds(1), absl::Minutes(10)};

  Metrics* metrics = nullptr;  // Must outlive the relay. Null = none.
};

// Publishes the public events of a store to a broker: at least once, in order
// per stream, nothing left out. The checkpoint moves only after the broker has
// acknowledged; a message that comes twice comes with the same id. An event
// that the broker refuses for good is parked with its stream, as in any
// consumer, while the other streams go on.
//
// Several relays of one name, in one or many processes, share the streams; of
// those with different routes, the ones with the most work. See Join().
//
// Metrics, all with label relay=<name>: stele_relay_published_total,
// stele_relay_errors_total, stele_relay_publish_seconds (one batch), and
// stele_relay_pending (positions between the checkpoint and the log's head; 0
// while it holds no slots).
//
// Thread-safe but for Join(), Run() and RunUntil().
class Relay {
 public:
  // `store` and `broker` must outlive it. `owner` names this relay among those
  // of the same name; unique. The broker need not be reachable yet.
  //
  // Errors: kInvalidArgument for options or routes that cannot be.
  static absl::StatusOr<std::unique_ptr<Relay>> Create(EventStore& store,
                                                       Broker& broker,
                                                       RelayRoutes routes,
                                                       RelayOptions options,
                                                       std::string owner);
  virtual ~Relay() = default;

  // As Consumer::Join(): relays of older releases, which have fewer routes,
  // leave what is appended after this call to this one.
  virtual absl::Status Join() = 0;

  // Works until Stop() or an error that cannot be retried. Called once.
  virtual absl::Status Run() = 0;

  // Works until all events up to `position` are published, or parked: for tests
  // and for scripts. As Consumer::RunUntil().
  virtual absl::Status RunUntil(std::int64_t position) = 0;

  // Makes Run() return after the batch being published. Returns at once.
  virtual void Stop() = 0;

  virtual ConsumerActivity Activity() const = 0;
};

struct RelayRangeOptions {
  std::string source = {};         // As in RelayOptions.
  std::int64_t from_position = 1;  // Inclusive.
  std::int64_t to_position = 0;    // Inclusive; 0 = the head at the beginning.
  int batch_events_max = 500;

  // Called after each batch with how far it has come; may be null. Anything
  // but OK ends the range with that status.
  std::function<absl::Status(std::int64_t position, std::int64_t messages)>
      progress = nullptr;
};

struct RelayRangeReport {
  std::int64_t messages = 0;  // Acknowledged by the broker.
  std::int64_t position = 0;  // The range is done up to here.
};

// Publishes a range of the log again, on request: for a broker that lost data,
// or a consumer that joins late. Moves no checkpoint and does not disturb a
// relay at work. The messages carry the ids they had, so consumers drop what
// they have handled already, if the source is the same.
//
// Errors: those of BrokerPublisher::Publish() and of reading the log. The
// message says how far it came; begin again after that position.
absl::StatusOr<RelayRangeReport> RelayRange(EventStore& store, Broker& broker,
                                            const RelayRoutes& routes,
                                            RelayRangeOptions options);

}  // namespace stele

#endif  // STELE_OUTBOX_RELAY_H_
