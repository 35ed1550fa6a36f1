#ifndef STELE_OUTBOX_RELAY_ROUTES_H_
#define STELE_OUTBOX_RELAY_ROUTES_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "stele/eventstore/event_traits.h"

namespace stele {

template <typename State>
struct AggregateTraits;  // In stele/aggregates/traits.h.

// Which event types the relay publishes, and to which topics. All others stay
// private to the service.
//
// Thread-compatible.
class RelayRoutes {
 public:
  // `topic_prefix`, with a dot, comes before topics that are taken from the
  // model: RelayRoutes("orders") publishes topic "order" to
  // "orders.order". Empty = none.
  explicit RelayRoutes(std::string topic_prefix = "")
      : topic_prefix_(std::move(topic_prefix)) {}

  // Publishes the events of the aggregate that its .proto marks as public.
  template <typename Aggregate>
  RelayRoutes& AddPublicEvents() {
    AggregateTraits<Aggregate>::ForEachEvent(
        [this]<typename E>(std::type_identity<E>) {
          if constexpr (EventTraits<E>::kPublic) Add<E>();
        });
    return *this;
  }

  // Publishes E, which its .proto marks as public, to its own topic.
  template <typename E>
  RelayRoutes& Add() {
    static_assert(EventTraits<E>::kPublic,
                  "The event is not public in its .proto: mark it there, or "
                  "use AddTo<E>(topic).");
    AddFromModel(EventTraits<E>::kType, EventTraits<E>::kTopic);
    return *this;
  }

  // Publishes events of a type, public or not, to `topic`, which is taken as it
  // stands. The last topic named for a type holds.
  RelayRoutes& AddTo(std::string_view type, std::string_view topic);
  template <typename E>
  RelayRoutes& AddTo(std::string_view topic) {
    return AddTo(EventTraits<E>::kType, topic);
  }

  // Where events of this type go; null if nowhere.
  const std::string* TopicOf(std::string_view type) const;
  std::vector<std::string> types() const;
  bool empty() const { return topics_.empty(); }

  // kInvalidArgument, naming the first type whose topic no broker can have.
  absl::Status Validate() const;

 private:
  void AddFromModel(std::string_view type, std::string_view topic);

  std::string topic_prefix_;
  std::map<std::string, std::string, std::less<>> topics_;  // By type.
};

}  // namespace stele

#endif  // STELE_OUTBOX_RELAY_ROUTES_H_
