#ifndef ORDERS_DEMO_STORY_H_
#define ORDERS_DEMO_STORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/eventstore/event_store.h"

namespace orders {

// One line of an order's story.
struct StoryLine {
  absl::Time at;
  std::string service;  // "orders" or "payments".
  std::string stream;   // "order", "saga_OrderFulfilment"; "stock-MUG-BLUE".
  std::string what;     // "OrderPaid: amount 25.00"
};

// Everything both services recorded about one order, in the order of time: its
// own stream, its fulfilment's steps, its articles' and its payment's.
absl::StatusOr<std::vector<StoryLine>> TellStory(
    stele::EventStore& orders_store, stele::EventStore& payments_store,
    const std::string& order_id);

}  // namespace orders

#endif  // ORDERS_DEMO_STORY_H_
