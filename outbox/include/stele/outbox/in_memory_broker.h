#ifndef STELE_OUTBOX_IN_MEMORY_BROKER_H_
#define STELE_OUTBOX_IN_MEMORY_BROKER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "stele/base/clock.h"
#include "stele/outbox/broker.h"

namespace stele {

struct InMemoryBrokerOptions {
  // A message that is not settled for so long is delivered again.
  absl::Duration ack_wait = absl::Seconds(30);
  // A larger body is refused for good.
  std::size_t message_bytes_max = 2 << 20;
  // Judges `ack_wait` and the delay of retries. Must outlive the broker.
  // Waiting in Fetch() is by the machine's clock.
  Clock* clock = nullptr;  // Null = SystemClock().
};

// A broker within the process, for tests: durable as long as it lives, with
// groups, redelivery, and de-duplication by source and id. It passes the
// conformance suite that the real ones pass.
//
// Thread-safe, as in Broker.
class InMemoryBroker : public Broker {
 public:
  // While it is unreachable, all calls to it and to what it opened fail with
  // kUnavailable. It loses nothing by that.
  virtual void SetReachable(bool reachable) = 0;

  // All messages of a topic, in order.
  virtual std::vector<BrokerMessage> MessagesOf(const std::string& topic) = 0;
};

std::unique_ptr<InMemoryBroker> MakeInMemoryBroker(
    InMemoryBrokerOptions options = {});

}  // namespace stele

#endif  // STELE_OUTBOX_IN_MEMORY_BROKER_H_
