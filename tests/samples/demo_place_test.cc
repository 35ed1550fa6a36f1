// Orders are placed, by the demo's own means, in a store in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "demo/books.h"
#include "demo/place.h"
#include "demo/report.h"
#include "orders/order_decider.h"
#include "orders/stock_decider.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/eventstore/in_memory.h"

namespace orders {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DemoPlaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(
        dispatcher_->Add(stele::MakeAggregateType<OrderDecider>()).ok());
    ASSERT_TRUE(
        dispatcher_->Add(stele::MakeAggregateType<StockDecider>()).ok());
  }

  Placing Place(const std::vector<OrderInput>& orders) {
    auto placing = PlaceOrders(*dispatcher_, orders, /*callers=*/4, nullptr);
    EXPECT_TRUE(placing.ok()) << placing.status();
    return placing.ok() ? *placing : Placing();
  }

  std::map<std::string, std::int64_t> Fill(
      const std::vector<OrderInput>& orders) {
    const absl::Status filled =
        FillWarehouse(*dispatcher_, StockFor(orders), BatchFor(orders));
    EXPECT_TRUE(filled.ok()) << filled;
    const auto books = AuditOrders(*store_);
    EXPECT_TRUE(books.ok()) << books.status();
    std::map<std::string, std::int64_t> received;
    for (const StockLine& line : books->stock) {
      received[line.sku] = line.received;
    }
    return received;
  }

  const std::unique_ptr<stele::EventStore> store_ =
      stele::MakeInMemoryEventStore();
  const std::unique_ptr<stele::AggregateDispatcher> dispatcher_ =
      stele::MakeDispatcher(*store_, {.conflict_retries_max = 50});
};

std::string Totals(std::int64_t sent, const Placing& placing) {
  ::testing::internal::CaptureStdout();
  PrintTotals(sent, placing);
  return ::testing::internal::GetCapturedStdout();
}

TEST_F(DemoPlaceTest, EveryOrderSentInIsCountedOnce) {
  const auto orders = MakeOrders(1000, 7);  // What data/orders.jsonl has.
  const Placing placing = Place(orders);
  EXPECT_EQ(placing.placed + placing.repeated + placing.refusals, 1019);
  EXPECT_EQ(placing.refused.size(), 49u);
  EXPECT_EQ(Totals(1019, placing),
            "\n1019 orders sent in: 951 placed, 18 known already, 50 refused "
            "(49 different ones).\n");
}

TEST_F(DemoPlaceTest, OtherOrdersFindTheirOwnStock) {
  const auto some = MakeOrders(20, 7);
  const auto others = MakeOrders(40, 8);
  const auto once = Fill(some);
  EXPECT_EQ(Fill(some), once);
  const auto both = Fill(others);
  for (const Article& article : StockFor(others)) {
    const std::int64_t more = IsRare(article.sku) ? 0 : article.received;
    EXPECT_EQ(both.at(article.sku), once.at(article.sku) + more) << article.sku;
  }
}

TEST_F(DemoPlaceTest, OrdersWithTheIdsOfOthersAreNoticed) {
  const auto orders = MakeOrders(20, 7);
  EXPECT_TRUE(CheckNoneIsAnother(*store_, orders).ok());
  Place(orders);
  EXPECT_TRUE(CheckNoneIsAnother(*store_, orders).ok());
  const absl::Status others = CheckNoneIsAnother(*store_, MakeOrders(20, 8));
  EXPECT_TRUE(absl::IsFailedPrecondition(others)) << others;
  EXPECT_THAT(std::string(others.message()), HasSubstr("an order A-0000"));
}

TEST(PrintOutcomesTest, CountsTheOrdersOfThisRunOnly) {
  const std::map<std::string, Outcome> expected = {{"a", Outcome::kShipped},
                                                   {"b", Outcome::kRefused}};
  std::map<std::string, Outcome> found = expected;
  found["earlier"] = Outcome::kShipped;
  ::testing::internal::CaptureStdout();
  EXPECT_TRUE(PrintOutcomes(expected, found));
  const std::string same = ::testing::internal::GetCapturedStdout();
  EXPECT_THAT(same, Not(HasSubstr("differs")));
  EXPECT_THAT(same, HasSubstr("and 1 of earlier runs"));
  found["a"] = Outcome::kTimedOut;
  ::testing::internal::CaptureStdout();
  EXPECT_FALSE(PrintOutcomes(expected, found));
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("differs"));
}

}  // namespace
}  // namespace orders
