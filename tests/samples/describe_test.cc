#include "demo/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/samples/line.h"

namespace orders {
namespace {

using ::testing::ElementsAre;

TEST(MoneyTest, IsForPeople) {
  EXPECT_EQ(Money(0), "0.00");
  EXPECT_EQ(Money(-5), "-0.05");
  EXPECT_EQ(Money(999'99), "999.99");
  EXPECT_EQ(Money(1'234'567'89), "1,234,567.89");
  EXPECT_EQ(Money(INT64_MIN), "-92,233,720,368,547,758.08");
}

TEST(DescribeFieldsTest, TellsWhatIsSetAndLeavesOutTheOrdersId) {
  EXPECT_EQ(DescribeFields(
                MakeStockReserved({.order_id = "A-000017", .quantity = 3})),
            "quantity 3");
  EXPECT_EQ(DescribeFields(MakeOrderPlaced(
                {.customer_id = "C-1",
                 .lines = {Line("MUG", 4, 12'50), Line("SPOON", 1, 5'40)},
                 .total_cents = 55'40})),
            "customer_id C-1, lines 4 x MUG at 12.50 + 1 x SPOON at 5.40, "
            "total 55.40");
  EXPECT_EQ(DescribeFields(MakeOrderPaid({})), "");
}

TEST(DescribeFieldsTest, TellsOfFieldsOfAnyKind) {
  OrderSummary row;
  row.set_status(ORDER_STATUS_PAID);
  EXPECT_EQ(DescribeFields(row), "status ORDER_STATUS_PAID");
  StockItem item;
  (*item.mutable_reserved_for())["7"] = 3;
  EXPECT_EQ(DescribeFields(item), "reserved_for x 1");
}

TEST(WrapTest, BreaksAtSpaces) {
  EXPECT_THAT(Wrap("one two three", 20), ElementsAre("one two three"));
  EXPECT_THAT(Wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("one two three", 6), ElementsAre("one", "two", "three"));
  EXPECT_THAT(Wrap("", 6), ElementsAre(""));
}

TEST(WrapTest, GivesALongWordALineOfItsOwn) {
  EXPECT_THAT(Wrap("a wonderful day", 5), ElementsAre("a", "wonderful", "day"));
  EXPECT_THAT(Wrap("wonderful", 5), ElementsAre("wonderful"));
}

}  // namespace
}  // namespace orders
