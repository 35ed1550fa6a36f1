// How an order is seen through: what the process does on each turn of events.
#include "orders/fulfilment.h"

#include <gtest/gtest.h>

#include "stele/testing/saga_given.h"
#include "tests/samples/line.h"

namespace orders {
namespace {

using stele::testing::GivenSaga;

constexpr std::int64_t kTotal = 23'30;

std::vector<OrderLine> MugAndSpoons() {
  return {Line("MUG", 1, 12'50), Line("SPOON", 2, 5'40)};
}

// ---- What happens -----------------------------------------------------------

OrderPlaced Placed() {
  return MakeOrderPlaced({.customer_id = "ada",
                          .lines = MugAndSpoons(),
                          .total_cents = kTotal,
                          .payment_token = "tok_visa"});
}
StockReserved Reserved(std::int64_t quantity) {
  return MakeStockReserved({.order_id = "7", .quantity = quantity});
}
OrderPaid Paid() { return MakeOrderPaid({.amount_cents = kTotal}); }
PaymentRefused Refused() {
  return MakePaymentRefused({.reason = "card_declined"});
}
OrderCancelled Cancelled(std::string reason) {
  return MakeOrderCancelled({.reason = std::move(reason)});
}
LatePaymentReceived LatePayment() {
  return MakeLatePaymentReceived({.amount_cents = kTotal});
}
OrderRefunded Refunded() { return MakeOrderRefunded({.amount_cents = kTotal}); }
OrderShipped Shipped() {
  return MakeOrderShipped({.lines = MugAndSpoons(), .total_cents = kTotal});
}

// ---- What is sent -----------------------------------------------------------

ReserveStock Reserve(std::string sku, std::int64_t quantity) {
  return MakeReserveStock(
      {.sku = std::move(sku), .order_id = "7", .quantity = quantity});
}
ReleaseStock Release(std::string sku) {
  return MakeReleaseStock({.sku = std::move(sku), .order_id = "7"});
}
ShipStock ShipOf(std::string sku) {
  return MakeShipStock({.sku = std::move(sku), .order_id = "7"});
}
RequestPayment AskForPayment() {
  return MakeRequestPayment({.order_id = "7", .payment_token = "tok_visa"});
}
CancelOrder Cancel(std::string reason) {
  return MakeCancelOrder({.order_id = "7", .reason = std::move(reason)});
}
ShipOrder Ship() { return MakeShipOrder({.order_id = "7"}); }
RequestRefund AskForRefund() { return MakeRequestRefund({.order_id = "7"}); }
RequestRefund RemindOfRefund() {
  return MakeRequestRefund({.order_id = "7", .is_reminder = true});
}

// An order whose goods are reserved and whose payment has been asked for.
GivenSaga<Fulfilment> Awaiting() {
  GivenSaga<Fulfilment> order("7");
  order.On(Placed())
      .OnFrom("stock-MUG", Reserved(1))
      .OnFrom("stock-SPOON", Reserved(2));
  return order;
}

// ---- The straight way -------------------------------------------------------

TEST(AFulfilment, ReservesEveryLineThenAsksForPaymentThenShips) {
  GivenSaga<Fulfilment>("7")
      .On(Placed())
      .ThenSends(Reserve("MUG", 1), Reserve("SPOON", 2))
      .OnFrom("stock-MUG", Reserved(1))
      .ThenSendsNothing()
      .ThenWaits()
      .OnFrom("stock-SPOON", Reserved(2))
      .ThenSends(AskForPayment())
      .ThenTimer<OrderFulfilmentPaymentTimeout>(Fulfilment::payment_timeout)
      .On(Paid())
      .ThenSends(ShipOf("MUG"), ShipOf("SPOON"), Ship())
      .ThenNoTimer<OrderFulfilmentPaymentTimeout>()
      .On(Shipped())
      .ThenSendsNothing()
      .ThenCompletes();
}

// ---- Compensation -----------------------------------------------------------

// Every line is released, the short one, too: that is harmless, and the saga
// need not know how far it came.
TEST(AFulfilment, GivesBackWhatItReservedWhenALineIsShort) {
  GivenSaga<Fulfilment>("7")
      .On(Placed())
      .OnFrom("stock-MUG", Reserved(1))
      .OnRejected(Reserve("SPOON", 2), "insufficient_stock")
      .ThenSends(Cancel("out_of_stock"))
      .ThenCompensates("out_of_stock")
      .ThenUndoes(Release("SPOON"), Release("MUG"));
}

TEST(AFulfilment, GivesAllBackWhenThePaymentIsDeclined) {
  Awaiting()
      .On(Refused())
      .ThenSends(Cancel("payment_declined"))
      .ThenNoTimer<OrderFulfilmentPaymentTimeout>()
      .ThenCompensates("payment_declined")
      .ThenUndoes(Release("SPOON"), Release("MUG"));
}

TEST(AFulfilment, GivesAllBackWhenPaymentCannotEvenBeAskedFor) {
  Awaiting()
      .OnRejected(AskForPayment(), "cancelled")
      .ThenSends(Cancel("cancelled"))
      .ThenCompensates("cancelled")
      .ThenUndoes(Release("SPOON"), Release("MUG"));
}

// ---- Time-outs --------------------------------------------------------------

TEST(AFulfilment, CancelsAnOrderThatIsNotPaidInTimeAndStaysForLateMoney) {
  Awaiting()
      .OnElapsed<OrderFulfilmentPaymentTimeout>()
      .ThenSends(Cancel("payment_timeout"))
      .ThenWaits()
      .On(Cancelled("payment_timeout"))
      .ThenSends(Release("MUG"), Release("SPOON"))
      .ThenTimer<OrderFulfilmentLatePaymentGrace>(
          Fulfilment::late_payment_grace)
      .OnElapsed<OrderFulfilmentLatePaymentGrace>()
      .ThenSends(MakeCloseOrder({.order_id = "7"}))
      .ThenCompletes();
}

TEST(AFulfilment, RefundsAPaymentThatComesTooLate) {
  Awaiting()
      .OnElapsed<OrderFulfilmentPaymentTimeout>()
      .On(Cancelled("payment_timeout"))
      .On(LatePayment())
      .ThenSends(AskForRefund())
      .ThenNoTimer<OrderFulfilmentLatePaymentGrace>()
      .ThenTimer<OrderFulfilmentRefundTimeout>(Fulfilment::refund_timeout)
      .ThenWaits()
      .On(Refunded())
      .ThenNoTimer<OrderFulfilmentRefundTimeout>()
      .ThenCompletes();
}

// ---- Refunds that nobody answers --------------------------------------------

// An order that was paid too late and whose refund has been asked for.
GivenSaga<Fulfilment> AwaitingRefund() {
  GivenSaga<Fulfilment> order = Awaiting();
  order.OnElapsed<OrderFulfilmentPaymentTimeout>()
      .On(Cancelled("payment_timeout"))
      .On(LatePayment());
  return order;
}

TEST(AFulfilment, AsksAgainForARefundThatItHearsNothingOf) {
  AwaitingRefund()
      .OnElapsed<OrderFulfilmentRefundTimeout>()
      .ThenSends(RemindOfRefund())
      .ThenTimer<OrderFulfilmentRefundTimeout>(Fulfilment::refund_timeout)
      .ThenWaits()
      .On(Refunded())
      .ThenCompletes();
}

TEST(AFulfilment, CallsForAHumanWhenAskingIsInVainAndStillWaits) {
  AwaitingRefund()
      .OnElapsed<OrderFulfilmentRefundTimeout>()
      .ThenSends(RemindOfRefund())
      .OnElapsed<OrderFulfilmentRefundTimeout>()
      .ThenSends(RemindOfRefund())
      .OnElapsed<OrderFulfilmentRefundTimeout>()
      .ThenSends(MakeReportOverdueRefund({.order_id = "7"}))
      .ThenNoTimer<OrderFulfilmentRefundTimeout>()
      .ThenWaits()
      .On(Refunded())
      .ThenCompletes();
}

TEST(AFulfilment, EndsWhenNoRefundIsOwed) {
  AwaitingRefund()
      .OnRejected(AskForRefund(), "not_cancelled")
      .ThenNoTimer<OrderFulfilmentRefundTimeout>()
      .ThenCompletes();
}

// ---- The bank and the time-out ----------------------------------------------

TEST(AFulfilment, EndsWhenTheBankDeclinesTooLate) {
  Awaiting()
      .OnElapsed<OrderFulfilmentPaymentTimeout>()
      .On(Cancelled("payment_timeout"))
      .On(Refused())
      .ThenSendsNothing()
      .ThenCompletes();
}

TEST(AFulfilment, ShipsWhenThePaymentIsFasterThanTheCancelling) {
  Awaiting()
      .OnElapsed<OrderFulfilmentPaymentTimeout>()
      .OnRejected(Cancel("payment_timeout"), "already_paid")
      .ThenSendsNothing()
      .ThenWaits()
      .On(Paid())
      .ThenSends(ShipOf("MUG"), ShipOf("SPOON"), Ship())
      .On(Shipped())
      .ThenCompletes();
}

// ---- Repeated and late input ------------------------------------------------

TEST(AFulfilment, StartsOnce) {
  GivenSaga<Fulfilment>("7").On(Placed()).On(Placed()).ThenDropped(
      "already_started");
}

TEST(AFulfilment, SwallowsWhatComesAfterItsEnd) {
  Awaiting().On(Paid()).On(Shipped()).ThenCompletes().On(Refused()).ThenDropped(
      "late");
}

}  // namespace
}  // namespace orders
