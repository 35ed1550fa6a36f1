#ifndef ORDERS_DEMO_BOOKS_H_
#define ORDERS_DEMO_BOOKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "input/make_orders.h"
#include "stele/eventstore/event_store.h"

namespace orders {

// The warehouse's account of one article.
struct StockLine {
  std::string sku;
  std::int64_t received = 0;
  std::int64_t on_hand = 0;
  std::int64_t reserved = 0;
  std::int64_t shipped = 0;

  bool balances() const { return received == on_hand + reserved + shipped; }
};

// What the events say, folded anew from the log: the truth that all tables are
// checked against.
struct Books {
  std::vector<StockLine> stock;             // By sku.
  std::map<std::string, Outcome> outcomes;  // Of orders that have ended.
  std::vector<std::string> open;  // Orders that have not ended, or are owed.

  // Money in the orders service, in cents.
  std::int64_t paid = 0;
  std::int64_t refunded = 0;
  std::int64_t shipped_value = 0;
  // Orders whose stock lines do not match what was shipped for them.
  std::vector<std::string> faults;
};

// Reads the whole log of the orders store.
absl::StatusOr<Books> AuditOrders(stele::EventStore& store);

// What the payments service holds: accepted less refunded, in cents.
absl::StatusOr<std::int64_t> AuditPayments(stele::EventStore& store);

// Everything that must hold between the books of both services once all has
// come to rest; kInternal names what does not.
absl::Status CheckBooks(const Books& books, std::int64_t held_by_payments);

}  // namespace orders

#endif  // ORDERS_DEMO_BOOKS_H_
