#ifndef ORDERS_DEMO_PLACE_H_
#define ORDERS_DEMO_PLACE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "input/make_orders.h"
#include "input/order_file.h"
#include "stele/aggregates/dispatcher.h"
#include "stele/eventstore/event_store.h"

namespace orders {

// What became of the commands.
struct Placing {
  std::int64_t placed = 0;
  std::int64_t repeated = 0;  // Known already; harmless.
  std::int64_t refusals = 0;  // An order that is sent twice is refused twice.
  std::map<std::string, std::string> refused;  // Order id -> reason.
};

// Called now and then with how many are done.
using Progress = std::function<void(std::int64_t done)>;

// OK iff no order in the store has the id of one of `orders` and is another
// one; kFailedPrecondition names the first. Such an order would be taken for
// the one that is there, and end as that did.
absl::Status CheckNoneIsAnother(stele::EventStore& store,
                                const std::vector<OrderInput>& orders);

// The same for the same orders in the same sequence, another for others.
std::string BatchFor(const std::vector<OrderInput>& orders);

// Fills the warehouse. Harmless when done again with the same `batch`, which
// names the delivery. Rare articles come once only, whatever the batch.
absl::Status FillWarehouse(stele::Dispatcher& dispatcher,
                           const std::vector<Article>& articles,
                           const std::string& batch);

// Holds callers back while enough orders are on their way. Thread-safe.
class Gate {
 public:
  virtual ~Gate() = default;
  virtual void AwaitRoom() = 0;  // Called before an order is sent in.
  virtual void NotTaken() = 0;   // It was refused, or known already.
};

// Sends every order, `callers` at a time, each when `gate` has room for it
// (null: at once). The command's id is made from the order's, so that placing
// the same order twice places it once. Goes on trying while the store is away,
// for at most a minute each.
absl::StatusOr<Placing> PlaceOrders(stele::Dispatcher& dispatcher,
                                    const std::vector<OrderInput>& orders,
                                    int callers, const Progress& progress,
                                    Gate* gate = nullptr);

}  // namespace orders

#endif  // ORDERS_DEMO_PLACE_H_
