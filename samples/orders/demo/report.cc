#include "demo/report.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace orders {
namespace {

constexpr Outcome kOutcomes[] = {
    Outcome::kShipped,         Outcome::kRefused,  Outcome::kOutOfStock,
    Outcome::kPaymentDeclined, Outcome::kRefunded, Outcome::kTimedOut};

std::map<Outcome, int> Count(const std::map<std::string, Outcome>& outcomes) {
  std::map<Outcome, int> counts;
  for (const auto& [id, outcome] : outcomes) ++counts[outcome];
  return counts;
}

// Names the first few orders that did not end as expected.
bool PrintDifferences(const std::map<std::string, Outcome>& expected,
                      const std::map<std::string, Outcome>& found) {
  int differences = 0;
  for (const auto& [id, outcome] : expected) {
    const auto it = found.find(id);
    if (it != found.end() && it->second == outcome) continue;
    if (++differences > 10) continue;
    absl::PrintF("  %s: expected %s, found %s\n", id, ToString(outcome),
                 it == found.end() ? "no end" : ToString(it->second));
  }
  if (differences > 10) absl::PrintF("  ... and %d more\n", differences - 10);
  return differences > 0;
}

}  // namespace

std::string Money(std::int64_t cents) {
  std::string digits = absl::StrCat(cents / 100);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return absl::StrFormat("%s.%02d", digits, cents % 100);
}

bool PrintOutcomes(const std::map<std::string, Outcome>& expected,
                   const std::map<std::string, Outcome>& found) {
  std::map<Outcome, int> wanted = Count(expected);
  std::map<Outcome, int> got = Count(found);
  absl::PrintF("\n%-46s %9s %9s\n", "Outcome", "expected", "found");
  for (const Outcome outcome : kOutcomes) {
    absl::PrintF("%-46s %9d %9d  %s\n", ToString(outcome), wanted[outcome],
                 got[outcome],
                 wanted[outcome] == got[outcome] ? "" : "<-- differs");
  }
  absl::PrintF("%-46s %9d %9d\n", "all", expected.size(), found.size());
  return !PrintDifferences(expected, found);
}

void PrintStock(const std::vector<StockLine>& stock) {
  absl::PrintF("\n%-16s %9s   %9s   %9s   %9s\n", "Stock", "received",
               "on hand", "reserved", "shipped");
  StockLine sum;
  for (const StockLine& line : stock) {
    absl::PrintF("%-16s %9d = %9d + %9d + %9d  %s\n", line.sku, line.received,
                 line.on_hand, line.reserved, line.shipped,
                 line.balances() ? "" : "<-- does not balance");
    sum.received += line.received;
    sum.on_hand += line.on_hand;
    sum.reserved += line.reserved;
    sum.shipped += line.shipped;
  }
  absl::PrintF("%-16s %9d = %9d + %9d + %9d\n", "all", sum.received,
               sum.on_hand, sum.reserved, sum.shipped);
}

void PrintStory(const std::string& order_id,
                const std::vector<StoryLine>& story) {
  absl::PrintF("\nThe story of order %s\n", order_id);
  if (story.empty()) return;
  const absl::Time began = story.front().at;
  for (const StoryLine& line : story) {
    absl::PrintF("  +%8.3f s  %-8s  %-30s  %s\n",
                 absl::ToDoubleSeconds(line.at - began), line.service,
                 line.stream_id, line.what);
  }
}

}  // namespace orders
