#ifndef STELE_EVENTSTORE_SUBSCRIPTION_H_
#define STELE_EVENTSTORE_SUBSCRIPTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/event_store.h"

namespace stele {

struct SubscribeOptions {
  std::int64_t after_position = 0;  // Exclusive; 0 = from the beginning.
  // The store's Epoch() that `after_position` is of. Whoever keeps a position
  // keeps the epoch beside it. Unset: the present one.
  std::optional<Uuid> epoch = std::nullopt;
  std::vector<std::string> categories = {};  // Empty = all.
  std::vector<std::string> types = {};       // Empty = all.
  std::int64_t page_events_max = 1000;       // > 0.
};

// A plain subscription: catches up, then follows the log live. It keeps no
// checkpoint and knows no lease; see consumer.h for one that does.
//
// Thread-safe.
class Subscription {
 public:
  virtual ~Subscription() = default;  // Stops.

  // The position up to which everything has been handled.
  virtual std::int64_t position() const = 0;

  // True once it has ended, by itself or by Stop(), which says how.
  virtual bool has_ended() const = 0;

  // Stops after the event being handled, and waits for that. Returns how the
  // subscription ended: OK, or the error of the handler or the store. Within
  // `handle` it returns OK and does not wait; do not destroy the subscription
  // there.
  virtual absl::Status Stop() = 0;
};

// Calls `handle` with every event after `options.after_position`, in position
// order, on a thread of its own, until stopped or until `handle` returns an
// error. Errors of the connection are retried with back-off. `store` must
// outlive the subscription; `handle` may call the store. Malformed options end
// it with kInvalidArgument.
//
// Ends with kDataLoss, which is also logged, when the log went back, so that
// its positions may stand for other events: when the store's Epoch() changes,
// or when `after_position` is beyond the last event.
[[nodiscard]] std::unique_ptr<Subscription> Subscribe(
    EventStore& store, SubscribeOptions options,
    std::function<absl::Status(const RecordedEvent&)> handle);

}  // namespace stele

#endif  // STELE_EVENTSTORE_SUBSCRIPTION_H_
