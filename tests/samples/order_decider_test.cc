// The rules of an order, one after the other.
#include "orders/order_decider.h"

#include <gtest/gtest.h>

#include "stele/testing/given.h"
#include "tests/samples/line.h"

namespace orders {
namespace {

using stele::testing::Given;

std::vector<OrderLine> MugAndSpoons() {
  return {Line("MUG-BLUE", 1, 12'50), Line("SPOON-OLIVE", 2, 5'40)};
}
constexpr std::int64_t kTotal = 23'30;

PlaceOrder Place() {
  return MakePlaceOrder({.order_id = "7",
                         .customer_id = "ada",
                         .lines = MugAndSpoons(),
                         .total_cents = kTotal,
                         .payment_token = "tok_visa"});
}

// The same order of one line that is not right.
PlaceOrder PlaceLine(OrderLine line, std::int64_t total_cents) {
  PlaceOrder command = Place();
  command.clear_lines();
  *command.add_lines() = std::move(line);
  command.set_total_cents(total_cents);
  return command;
}

OrderPlaced Placed() {
  return MakeOrderPlaced({.customer_id = "ada",
                          .lines = MugAndSpoons(),
                          .total_cents = kTotal,
                          .payment_token = "tok_visa"});
}
PaymentRequested Requested() {
  return MakePaymentRequested(
      {.order_id = "7", .amount_cents = kTotal, .payment_token = "tok_visa"});
}
OrderPaid Paid() { return MakeOrderPaid({.amount_cents = kTotal}); }
OrderShipped Shipped() {
  return MakeOrderShipped({.lines = MugAndSpoons(), .total_cents = kTotal});
}
OrderCancelled Cancelled(std::string reason = "payment_timeout") {
  return MakeOrderCancelled({.reason = std::move(reason)});
}
LatePaymentReceived LatePayment() {
  return MakeLatePaymentReceived({.amount_cents = kTotal});
}
RefundRequested RefundAsked() {
  return MakeRefundRequested({.order_id = "7", .amount_cents = kTotal});
}

RequestPayment AskForPayment() {
  return MakeRequestPayment({.order_id = "7", .payment_token = "tok_visa"});
}
RecordPayment Pay() {
  return MakeRecordPayment({.order_id = "7", .amount_cents = kTotal});
}
CancelOrder Cancel(std::string reason = "payment_timeout") {
  return MakeCancelOrder({.order_id = "7", .reason = std::move(reason)});
}
CloseOrder Close() { return MakeCloseOrder({.order_id = "7"}); }
ShipOrder Ship() { return MakeShipOrder({.order_id = "7"}); }
RequestRefund AskForRefund() { return MakeRequestRefund({.order_id = "7"}); }
RecordRefund Refund(std::int64_t cents = kTotal) {
  return MakeRecordRefund({.order_id = "7", .amount_cents = cents});
}

// ---- Placing ----------------------------------------------------------------

TEST(PlacingAnOrder, RecordsWhatTheCustomerWants) {
  Given<OrderDecider>().When(Place()).Then(Placed());
}

TEST(PlacingAnOrder, HappensOnce) {
  Given<OrderDecider>(Placed()).When(Place()).ThenRejected("already_exists");
}

TEST(PlacingAnOrder, NeedsACustomer) {
  PlaceOrder command = Place();
  command.clear_customer_id();
  Given<OrderDecider>().When(command).ThenRejected("no_customer");
}

TEST(PlacingAnOrder, NeedsLines) {
  PlaceOrder command = Place();
  command.clear_lines();
  Given<OrderDecider>().When(command).ThenRejected("no_lines");
}

TEST(PlacingAnOrder, TakesFiftyLinesAndNoMore) {
  PlaceOrder command = Place();
  command.clear_lines();
  for (int i = 0; i < 50; ++i) {
    *command.add_lines() = Line("SKU-" + std::to_string(i), 1, 0);
  }
  command.set_total_cents(0);
  OrderPlaced placed = Placed();
  *placed.mutable_lines() = command.lines();
  placed.set_total_cents(0);
  Given<OrderDecider>().When(command).Then(placed);

  *command.add_lines() = Line("SKU-50", 1, 0);
  Given<OrderDecider>().When(command).ThenRejected("too_many_lines");
}

TEST(PlacingAnOrder, NamesEachArticleOnce) {
  PlaceOrder command = Place();
  *command.add_lines() = command.lines(0);
  Given<OrderDecider>().When(command).ThenRejected("article_twice");
  Given<OrderDecider>()
      .When(PlaceLine(Line("", 1, 0), 0))
      .ThenRejected("no_article");
}

TEST(PlacingAnOrder, BuysOneToAThousandOfAnArticle) {
  for (const std::int64_t quantity :
       {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1001}, INT64_MAX}) {
    Given<OrderDecider>()
        .When(PlaceLine(Line("MUG", quantity, 0), 0))
        .ThenRejected("bad_quantity");
  }
}

TEST(PlacingAnOrder, HasPricesWithinReason) {
  for (const std::int64_t cents :
       {std::int64_t{-1}, std::int64_t{10'000'01}, INT64_MAX}) {
    Given<OrderDecider>()
        .When(PlaceLine(Line("MUG", 2, cents), 0))
        .ThenRejected("bad_price");
  }
}

TEST(PlacingAnOrder, ChargesWhatTheLinesComeTo) {
  PlaceOrder command = Place();
  command.set_total_cents(kTotal - 1'00);
  Given<OrderDecider>().When(command).ThenRejected("wrong_total");
}

TEST(PlacingAnOrder, StopsAtTenThousand) {
  Given<OrderDecider>()
      .When(PlaceLine(Line("GOLD", 2, 5'000'01), 10'000'02))
      .ThenRejected("over_limit");
}

// ---- Paying -----------------------------------------------------------------

TEST(AskingForPayment, AsksForTheTotal) {
  Given<OrderDecider>(Placed()).When(AskForPayment()).Then(Requested());
}

TEST(AskingForPayment, HappensOnce) {
  Given<OrderDecider>(Placed(), Requested())
      .When(AskForPayment())
      .ThenNothing();
}

TEST(AskingForPayment, IsNotForACancelledOrder) {
  Given<OrderDecider>(Placed(), Cancelled())
      .When(AskForPayment())
      .ThenRejected("cancelled");
}

TEST(APayment, PaysAnOrderThatWaitsForIt) {
  Given<OrderDecider>(Placed(), Requested()).When(Pay()).Then(Paid());
}

TEST(APayment, IsNotTakenTwice) {
  Given<OrderDecider>(Placed(), Requested(), Paid())
      .When(Pay())
      .ThenRejected("payment_not_expected");
}

TEST(APayment, IsNotTakenForAnOrderNobodyPlaced) {
  Given<OrderDecider>().When(Pay()).ThenRejected("payment_not_expected");
}

TEST(APayment, IsLateWhenTheOrderIsCancelled) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled())
      .When(Pay())
      .Then(LatePayment());
}

TEST(ARefusedPayment, IsRecordedAndChangesNothing) {
  const auto refusal =
      MakeRecordPaymentRefusal({.order_id = "7", .reason = "card_declined"});
  Given<OrderDecider>(Placed(), Requested())
      .When(refusal)
      .Then(MakePaymentRefused({.reason = "card_declined"}));
  Given<OrderDecider>().When(refusal).ThenRejected("no_such_order");
}

// ---- Shipping and cancelling ------------------------------------------------

TEST(Shipping, NeedsThePayment) {
  Given<OrderDecider>(Placed(), Requested())
      .When(Ship())
      .ThenRejected("not_paid");
  Given<OrderDecider>(Placed(), Requested(), Paid())
      .When(Ship())
      .Then(Shipped());
}

TEST(Shipping, HappensOnce) {
  Given<OrderDecider>(Placed(), Requested(), Paid(), Shipped())
      .When(Ship())
      .ThenNothing();
}

TEST(Cancelling, StopsAnOrderThatIsNotPaid) {
  Given<OrderDecider>(Placed())
      .When(Cancel("out_of_stock"))
      .Then(Cancelled("out_of_stock"));
  Given<OrderDecider>(Placed(), Requested()).When(Cancel()).Then(Cancelled());
}

TEST(Cancelling, HappensOnceAndKeepsItsFirstReason) {
  Given<OrderDecider>(Placed(), Cancelled("out_of_stock"))
      .When(Cancel("payment_timeout"))
      .ThenNothing();
}

TEST(Cancelling, ComesTooLateForAPaidOrder) {
  Given<OrderDecider>(Placed(), Requested(), Paid())
      .When(Cancel())
      .ThenRejected("already_paid");
  Given<OrderDecider>(Placed(), Requested(), Paid(), Shipped())
      .When(Cancel())
      .ThenRejected("already_paid");
}

TEST(Cancelling, NeedsAnOrder) {
  Given<OrderDecider>().When(Cancel()).ThenRejected("no_such_order");
}

TEST(Closing, MeansThatNobodyWaitsForThePayment) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled())
      .When(Close())
      .Then(MakeOrderClosed({}));
}

TEST(Closing, HappensOnceAndOnlyToACancelledOrder) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), MakeOrderClosed({}))
      .When(Close())
      .ThenNothing();
  Given<OrderDecider>(Placed(), Requested())
      .When(Close())
      .ThenRejected("not_cancelled");
}

TEST(Closing, GivesBackAPaymentThatCameAtTheLastMoment) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment())
      .When(Close())
      .Then(MakeOrderClosed({}), RefundAsked());
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment(),
                      RefundAsked())
      .When(Close())
      .Then(MakeOrderClosed({}));
}

TEST(AClosedOrder, GivesAPaymentBackUnasked) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), MakeOrderClosed({}))
      .When(Pay())
      .Then(LatePayment(), RefundAsked());
}

// ---- Giving money back ------------------------------------------------------

TEST(ARefund, GivesBackALatePayment) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment())
      .When(AskForRefund())
      .Then(RefundAsked());
}

TEST(ARefund, IsAskedForOnce) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment(),
                      RefundAsked())
      .When(AskForRefund())
      .ThenNothing();
}

// The payments service gives back a payment once, however often it is asked.
TEST(ARefund, CanBeRemindedOf) {
  const auto reminder =
      MakeRequestRefund({.order_id = "7", .is_reminder = true});
  const auto asked_again = MakeRefundRequested(
      {.order_id = "7", .amount_cents = kTotal, .is_reminder = true});
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment(),
                      RefundAsked(), asked_again)
      .When(reminder)
      .Then(asked_again);
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment(),
                      RefundAsked(), asked_again,
                      MakeOrderRefunded({.amount_cents = kTotal}))
      .When(reminder)
      .ThenNothing();
}

TEST(ARefund, IsOverdueWhileTheMoneyIsNotGivenBack) {
  const auto report = MakeReportOverdueRefund({.order_id = "7"});
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment(),
                      RefundAsked())
      .When(report)
      .Then(MakeRefundOverdue({.amount_cents = kTotal}));
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment(),
                      RefundAsked(),
                      MakeOrderRefunded({.amount_cents = kTotal}))
      .When(report)
      .ThenNothing();
}

TEST(ARefund, IsNotForAnOrderThatGoesOn) {
  Given<OrderDecider>(Placed(), Requested(), Paid())
      .When(AskForRefund())
      .ThenRejected("not_cancelled");
}

TEST(ARefund, NeedsMoneyThatWasPaid) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled())
      .When(AskForRefund())
      .ThenNothing();
}

TEST(ARefund, SettlesTheAccount) {
  Order settled;
  settled.set_status(ORDER_STATUS_CANCELLED);
  *settled.add_lines() = MugAndSpoons()[0];
  *settled.add_lines() = MugAndSpoons()[1];
  settled.set_total_cents(kTotal);
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment(),
                      RefundAsked())
      .When(Refund())
      .Then(MakeOrderRefunded({.amount_cents = kTotal}))
      .ThenState(settled);
}

TEST(ARefund, IsNeverMoreThanWasAskedFor) {
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment(),
                      RefundAsked())
      .When(Refund(kTotal + 1))
      .ThenRejected("refund_not_expected");
  Given<OrderDecider>(Placed(), Requested(), Cancelled(), LatePayment())
      .When(Refund())
      .ThenRejected("refund_not_expected");
}

}  // namespace
}  // namespace orders
