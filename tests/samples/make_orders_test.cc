#include "input/make_orders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace orders {
namespace {

using ::testing::Contains;

std::string Text(const std::vector<OrderInput>& orders) {
  std::string text;
  for (const OrderInput& order : orders) text += FormatOrder(order) + "\n";
  return text;
}

// One blue mug and two spoons, as anybody might order them.
OrderInput Usual() {
  return {.order_id = "A-1",
          .customer_id = "C-1",
          .lines = {{"MUG-BLUE", 1, 1250}, {"SPOON-OLIVE", 2, 540}},
          .total_cents = 2330,
          .payment_token = "tok_visa"};
}

Outcome OutcomeOf(const OrderInput& order) {
  return ExpectedOutcomes({order}).at(order.order_id);
}

TEST(MakeOrdersTest, MakesTheSameOrdersForTheSameSeed) {
  EXPECT_EQ(Text(MakeOrders(300, 7)), Text(MakeOrders(300, 7)));
  EXPECT_NE(Text(MakeOrders(300, 7)), Text(MakeOrders(300, 8)));
}

TEST(MakeOrdersTest, MakesMoreOrdersWithoutChangingTheFirst) {
  const std::string longer = Text(MakeOrders(300, 7));
  EXPECT_EQ(longer.rfind(Text(MakeOrders(200, 7)), 0), 0u);
}

TEST(MakeOrdersTest, TheSamplesFileHoldsAThousandOfThem) {
  std::ifstream file(ORDERS_DATA_FILE);
  std::stringstream text;
  text << file.rdbuf();
  // Made by: orders-demo --save-input data/orders.jsonl
  EXPECT_EQ(text.str(), Text(MakeOrders(1000, 7)));
}

TEST(MakeOrdersTest, HasOrdersOfEveryOutcome) {
  const auto orders = MakeOrders(1000, 7);
  std::map<Outcome, int> counts;
  for (const auto& [id, outcome] : ExpectedOutcomes(orders)) ++counts[outcome];
  EXPECT_GT(counts[Outcome::kShipped], 700);
  for (const Outcome outcome :
       {Outcome::kRefused, Outcome::kOutOfStock, Outcome::kPaymentDeclined,
        Outcome::kRefunded, Outcome::kTimedOut}) {
    EXPECT_GE(counts[outcome], 5) << ToString(outcome);
  }
}

TEST(MakeOrdersTest, SendsSomeOrdersTwice) {
  const auto orders = MakeOrders(1000, 7);
  std::map<std::string, std::string> first;
  int repeated = 0;
  for (const OrderInput& order : orders) {
    const auto [at, is_new] =
        first.try_emplace(order.order_id, FormatOrder(order));
    if (is_new) continue;
    ++repeated;
    EXPECT_EQ(at->second, FormatOrder(order));
  }
  EXPECT_EQ(first.size(), 1000u);
  EXPECT_GE(repeated, 5);
}

TEST(ExpectedOutcomesTest, AUsualOrderIsShipped) {
  EXPECT_EQ(OutcomeOf(Usual()), Outcome::kShipped);
}

TEST(ExpectedOutcomesTest, AnOrderAgainstTheRulesIsRefused) {
  OrderInput order = Usual();
  order.total_cents -= 1;
  EXPECT_EQ(OutcomeOf(order), Outcome::kRefused);

  order = Usual();
  order.lines.clear();
  order.total_cents = 0;
  EXPECT_EQ(OutcomeOf(order), Outcome::kRefused);

  order = Usual();
  order.lines[1] = order.lines[0];
  EXPECT_EQ(OutcomeOf(order), Outcome::kRefused);
}

TEST(ExpectedOutcomesTest, NumbersBeyondAllBoundsAreRefused) {
  OrderInput order = Usual();
  order.lines[0].unit_price_cents = INT64_MAX;
  EXPECT_EQ(OutcomeOf(order), Outcome::kRefused);

  order = Usual();
  order.lines[0].quantity = INT64_MAX;
  EXPECT_EQ(OutcomeOf(order), Outcome::kRefused);
  EXPECT_THAT(
      StockFor({order, order}),
      Contains(::testing::AllOf(::testing::Field(&Article::sku, "MUG-BLUE"),
                                ::testing::Field(&Article::received, 100))));
}

TEST(ExpectedOutcomesTest, TheCardTellsHowThePaymentGoes) {
  OrderInput order = Usual();
  order.payment_token = "tok_declined";
  EXPECT_EQ(OutcomeOf(order), Outcome::kPaymentDeclined);
  order.payment_token = "tok_late";
  EXPECT_EQ(OutcomeOf(order), Outcome::kRefunded);
  order.payment_token = "tok_silent";
  EXPECT_EQ(OutcomeOf(order), Outcome::kTimedOut);
}

TEST(ExpectedOutcomesTest, AnOrderForSomethingRareIsShortWhateverItsCard) {
  OrderInput order = Usual();
  order.lines.push_back({"RARE-GYOKURO", 3, 9900});
  order.total_cents += 3 * 9900;
  EXPECT_EQ(OutcomeOf(order), Outcome::kOutOfStock);
  order.payment_token = "tok_declined";
  EXPECT_EQ(OutcomeOf(order), Outcome::kOutOfStock);
}

TEST(StockForTest, HasEnoughOfAllButTheRare) {
  const auto orders = MakeOrders(1000, 7);
  const auto outcomes = ExpectedOutcomes(orders);
  std::map<std::string, std::int64_t> wanted;
  std::set<std::string> seen;
  for (const OrderInput& order : orders) {
    if (outcomes.at(order.order_id) == Outcome::kRefused) continue;
    if (!seen.insert(order.order_id).second) continue;
    for (const OrderInput::Line& line : order.lines) {
      if (line.sku.rfind("RARE-", 0) == 0) {
        EXPECT_EQ(outcomes.at(order.order_id), Outcome::kOutOfStock);
        EXPECT_GE(line.quantity, 3);
      }
      wanted[line.sku] += line.quantity;
    }
  }
  for (const Article& article : StockFor(orders)) {
    if (article.sku.rfind("RARE-", 0) == 0) {
      EXPECT_EQ(article.received, 2) << article.sku;
    } else {
      EXPECT_GE(article.received, wanted[article.sku]) << article.sku;
    }
  }
}

}  // namespace
}  // namespace orders
