#ifndef ORDERS_DEMO_REPORT_H_
#define ORDERS_DEMO_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "demo/books.h"
#include "demo/place.h"
#include "demo/story.h"
#include "input/make_orders.h"

namespace orders {

// Each prints a section of the demo's report to standard output.

// What became of the `sent` orders; the numbers add up.
void PrintTotals(std::int64_t sent, const Placing& placing);

// Outcomes as expected from the input beside those found of the same orders in
// the events; true iff every single order ended as expected. What else was
// found is of earlier runs, and only mentioned.
bool PrintOutcomes(const std::map<std::string, Outcome>& expected,
                   const std::map<std::string, Outcome>& all_found);
void PrintStock(const std::vector<StockLine>& stock);
void PrintStory(const std::string& order_id,
                const std::vector<StoryLine>& story);

}  // namespace orders

#endif  // ORDERS_DEMO_REPORT_H_
