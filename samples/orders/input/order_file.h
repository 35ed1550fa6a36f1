#ifndef ORDERS_INPUT_ORDER_FILE_H_
#define ORDERS_INPUT_ORDER_FILE_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace orders {

// One line of an order file (JSON Lines, one order a line):
//
//   {"order_id": "A-000017", "customer_id": "C-041",
//    "lines": [{"sku": "MUG-BLUE", "quantity": 2, "unit_price_cents": 1250}],
//    "total_cents": 2500, "payment_token": "tok_visa"}
//
// All members are required, each once, and no others are allowed. Whether the
// order makes sense is for the Order's rules to say, not for the file.
struct OrderInput {
  struct Line {
    std::string sku;
    std::int64_t quantity = 0;
    std::int64_t unit_price_cents = 0;
  };
  std::string order_id;
  std::string customer_id;
  std::vector<Line> lines;
  std::int64_t total_cents = 0;
  std::string payment_token;
};

// What to do with a line that is no order.
enum class BadLines {
  kSkip,    // Report it and go on.
  kRefuse,  // Report all of them and take no order at all.
};

// Longest line that is read; a longer one is a bad line.
inline constexpr std::size_t kMaxLineBytes = 64 << 10;

// Longest text: ids become part of the names of streams.
inline constexpr std::size_t kMaxTextBytes = 200;

struct BadLine {
  std::int64_t number = 0;  // From 1.
  std::string what;
};

struct OrderFile {
  std::vector<OrderInput> orders;
  std::vector<BadLine> bad_lines;
};

// kInvalidArgument says what is wrong with `line` and where.
absl::StatusOr<OrderInput> ParseOrder(std::string_view line);
std::string FormatOrder(const OrderInput& order);

// Reads all orders of `in`; blank lines are skipped. With BadLines::kRefuse and
// a bad line, kInvalidArgument lists the bad lines (the first 20 of them).
absl::StatusOr<OrderFile> ReadOrders(std::istream& in, BadLines bad_lines);

// The same for the file `path`, or standard input if it is "-".
// kInvalidArgument also if it cannot be read.
absl::StatusOr<OrderFile> ReadOrderFile(const std::string& path,
                                        BadLines bad_lines);

}  // namespace orders

#endif  // ORDERS_INPUT_ORDER_FILE_H_
