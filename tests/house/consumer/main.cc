// Counts in memory: an event store, a decider, two commands.

#include <iostream>
#include <memory>

#include "counter.stele.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/status.h"
#include "stele/eventstore/in_memory.h"
#include "stele/outbox/brokers/nats.h"

namespace counter {
namespace {

struct CounterDecider {
  using Aggregate = Counter;

  static CounterDecision Decide(const Counter&, const Increment& cmd) {
    if (cmd.by() <= 0) return stele::Reject("not_upwards");
    return MakeIncremented({.by = cmd.by()});
  }
  static void Evolve(Counter& counter, const Incremented& e) {
    counter.set_value(counter.value() + e.by());
  }
};

absl::Status Count() {
  const std::unique_ptr<stele::EventStore> store =
      stele::MakeInMemoryEventStore();
  const auto dispatcher = stele::MakeDispatcher(*store);
  STELE_RETURN_IF_ERROR(
      dispatcher->Add(stele::MakeAggregateType<CounterDecider>()));
  CounterClient counters(*dispatcher);
  STELE_ASSIGN_OR_RETURN(const stele::Receipt receipt,
                         counters.Increment({.counter_id = "visits", .by = 2}));
  std::cout << "version " << receipt.version << "\n";
  const auto refused = counters.Increment({.counter_id = "visits", .by = -1});
  std::cout << "refused: " << stele::RejectionReason(refused.status()) << "\n";
  return absl::OkStatus();
}

}  // namespace
}  // namespace counter

int main() {
  const absl::Status status = counter::Count();
  std::cout << status << "\n";
  return status.ok() ? 0 : 1;
}
