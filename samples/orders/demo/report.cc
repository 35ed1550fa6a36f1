#include "demo/report.h"

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "demo/describe.h"

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

void PrintTotals(std::int64_t sent, const Placing& placing) {
  const auto different = static_cast<std::int64_t>(placing.refused.size());
  absl::PrintF("\n%d orders sent in: %d placed, %d known already, %d refused",
               sent, placing.placed, placing.repeated, placing.refusals);
  if (different != placing.refusals) {
    absl::PrintF(" (%d different ones)", different);
  }
  absl::PrintF(".\n");
}

bool PrintOutcomes(const std::map<std::string, Outcome>& expected,
                   const std::map<std::string, Outcome>& all_found) {
  std::map<std::string, Outcome> found;
  for (const auto& [id, outcome] : all_found) {
    if (expected.contains(id)) found.emplace(id, outcome);
  }
  std::map<Outcome, int> wanted = Count(expected);
  std::map<Outcome, int> got = Count(found);
  absl::PrintF("\n%-46s %9s %9s\n", "Outcome", "expected", "found");
  for (const Outcome outcome : kOutcomes) {
    absl::PrintF("  %-44s %9d %9d%s\n", ToString(outcome), wanted[outcome],
                 got[outcome],
                 wanted[outcome] == got[outcome] ? "" : "  <-- differs");
  }
  absl::PrintF("  %-44s %9d %9d\n", "all", expected.size(), found.size());
  if (all_found.size() > found.size()) {
    absl::PrintF("  and %d of earlier runs, which are in the books, too\n",
                 all_found.size() - found.size());
  }
  return !PrintDifferences(expected, found);
}

void PrintStock(const std::vector<StockLine>& stock) {
  absl::PrintF("\n%-18s %9s   %9s   %9s   %9s\n", "Stock", "received",
               "on hand", "reserved", "shipped");
  StockLine sum;
  for (const StockLine& line : stock) {
    absl::PrintF("  %-16s %9d = %9d + %9d + %9d%s\n", line.sku, line.received,
                 line.on_hand, line.reserved, line.shipped,
                 line.balances() ? "" : "  <-- does not balance");
    sum.received += line.received;
    sum.on_hand += line.on_hand;
    sum.reserved += line.reserved;
    sum.shipped += line.shipped;
  }
  absl::PrintF("  %-16s %9d = %9d + %9d + %9d\n", "all", sum.received,
               sum.on_hand, sum.reserved, sum.shipped);
}

void PrintStory(const std::string& order_id,
                const std::vector<StoryLine>& story) {
  absl::PrintF(
      "\nThe story of order %s: all that both services recorded of it\n",
      order_id);
  if (story.empty()) absl::PrintF("  nothing: it was never placed\n");
  const std::size_t width = OutputWidth();
  for (const StoryLine& line : story) {
    const std::string head =
        absl::StrFormat("  %+8.3f s  %-8s  %-20s  ",
                        absl::ToDoubleSeconds(line.at - story.front().at),
                        line.service, line.stream);
    std::string margin = head;
    for (const std::string& part : Wrap(line.what, width - head.size())) {
      absl::PrintF("%s%s\n", margin, part);
      margin = std::string(head.size(), ' ');
    }
  }
}

}  // namespace orders
