#ifndef ORDERS_INPUT_MAKE_ORDERS_H_
#define ORDERS_INPUT_MAKE_ORDERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "input/order_file.h"

namespace orders {

struct Article {
  std::string sku;
  std::int64_t unit_price_cents = 0;
  std::int64_t received = 0;  // What the warehouse starts with.
};

// How an order ends, as far as its input tells.
enum class Outcome {
  kShipped,
  kRefused,          // By the rules of an order: it is never placed.
  kOutOfStock,       // Placed, then cancelled: a line is short.
  kPaymentDeclined,  // Placed, then cancelled: the bank says no.
  kRefunded,         // Cancelled by time-out; the late money is given back.
  kTimedOut,         // Cancelled by time-out; no money ever came.
};

std::string ToString(Outcome outcome);

// True iff it is an article of which there is never enough.
bool IsRare(const std::string& sku);

// What the warehouse must hold so that exactly the orders meant to be short are
// short: plenty of every article but the rare ones, of which there are fewer
// than any order asks for.
std::vector<Article> StockFor(const std::vector<OrderInput>& orders);

// `count` orders such as a shop for mugs and tea would get, the same ones for
// the same seed: mostly good ones, and some of every other outcome. One in 50
// is sent twice, as an impatient customer would.
std::vector<OrderInput> MakeOrders(std::int64_t count, std::uint32_t seed);

// The outcome of every distinct order id, from the input alone.
std::map<std::string, Outcome> ExpectedOutcomes(
    const std::vector<OrderInput>& orders);

}  // namespace orders

#endif  // ORDERS_INPUT_MAKE_ORDERS_H_
