#ifndef ORDERS_DEMO_DEMO_H_
#define ORDERS_DEMO_DEMO_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "demo/books.h"
#include "demo/cluster.h"
#include "demo/place.h"
#include "input/make_orders.h"
#include "stele/eventstore/event_store.h"

namespace orders {

// Both services' stores, seen from outside the services.
struct Stores {
  std::unique_ptr<stele::EventStore> orders;
  std::unique_ptr<stele::EventStore> payments;
  Schemas schemas;
};
absl::StatusOr<Stores> OpenStores(const Cluster& cluster);

// The orders still on their way: sagas of both services that have not ended.
absl::StatusOr<std::int64_t> CountRunning(Stores& stores);

// OK iff no key of any consumer and no message of an inbox is parked; kInternal
// names those that are.
absl::Status CheckNothingParked(Stores& stores);

// Waits until no saga runs any more and what they sent has arrived, showing how
// many of `orders` have ended.
//   kDeadlineExceeded  says what is still running or parked.
absl::Status AwaitRest(Stores& stores, std::int64_t orders,
                       absl::Duration at_most);

// Compare the order_summary table, row by row, and the sums of daily_sales with
// what the events say. kInternal names the first difference.
absl::Status CompareSummaries(Stores& stores, const Books& books);
absl::Status CompareSales(Stores& stores, const Books& books);

// Has order_summary built anew beside the live one and switched to, showing how
// far it is; returns what the comparison of both said.
absl::StatusOr<std::string> RebuildSummaries(stele::EventStore& store);

}  // namespace orders

#endif  // ORDERS_DEMO_DEMO_H_
