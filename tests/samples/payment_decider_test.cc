// The rules of a payment.
#include "payments/payment_decider.h"

#include <gtest/gtest.h>

#include "stele/testing/given.h"

namespace payments {
namespace {

using stele::testing::Given;

OpenPayment Open(std::int64_t cents = 25'00) {
  return MakeOpenPayment(
      {.order_id = "7", .amount_cents = cents, .payment_token = "tok_visa"});
}
SettlePayment Accept() { return MakeSettlePayment({.order_id = "7"}); }
SettlePayment Decline() {
  return MakeSettlePayment(
      {.order_id = "7", .decline_reason = "card_declined"});
}
RefundPayment Refund(std::int64_t cents = 25'00) {
  return MakeRefundPayment({.order_id = "7", .amount_cents = cents});
}

PaymentOpened Opened() {
  return MakePaymentOpened(
      {.amount_cents = 25'00, .payment_token = "tok_visa"});
}
PaymentAccepted Accepted() {
  return MakePaymentAccepted({.order_id = "7", .amount_cents = 25'00});
}
PaymentDeclined Declined() {
  return MakePaymentDeclined({.order_id = "7", .reason = "card_declined"});
}
PaymentRefunded Refunded() {
  return MakePaymentRefunded({.order_id = "7", .amount_cents = 25'00});
}

TEST(OpeningAPayment, HappensOnce) {
  Given<PaymentDecider>().When(Open()).Then(Opened());
  Given<PaymentDecider>(Opened()).When(Open()).ThenRejected("already_exists");
}

TEST(OpeningAPayment, IsNotForLessThanNothing) {
  Given<PaymentDecider>().When(Open(-1)).ThenRejected("bad_amount");
}

TEST(SettlingAPayment, TakesTheWholeAmount) {
  Given<PaymentDecider>(Opened()).When(Accept()).Then(Accepted());
}

TEST(SettlingAPayment, SaysWhyItWasDeclined) {
  Given<PaymentDecider>(Opened()).When(Decline()).Then(Declined());
}

TEST(SettlingAPayment, HappensOnceWhateverTheBankSaysLater) {
  Given<PaymentDecider>(Opened(), Accepted()).When(Decline()).ThenNothing();
  Given<PaymentDecider>(Opened(), Declined()).When(Accept()).ThenNothing();
  Given<PaymentDecider>(Opened(), Accepted(), Refunded())
      .When(Accept())
      .ThenNothing();
}

TEST(SettlingAPayment, NeedsOne) {
  Given<PaymentDecider>().When(Accept()).ThenRejected("no_such_payment");
}

TEST(RefundingAPayment, GivesAllOfItBackOnce) {
  Given<PaymentDecider>(Opened(), Accepted()).When(Refund()).Then(Refunded());
  Given<PaymentDecider>(Opened(), Accepted(), Refunded())
      .When(Refund())
      .ThenNothing();
}

TEST(RefundingAPayment, NeedsMoneyThatWasTaken) {
  Given<PaymentDecider>(Opened()).When(Refund()).ThenRejected("not_accepted");
  Given<PaymentDecider>(Opened(), Declined())
      .When(Refund())
      .ThenRejected("not_accepted");
}

TEST(RefundingAPayment, IsOfTheAmountThatWasTaken) {
  Given<PaymentDecider>(Opened(), Accepted())
      .When(Refund(24'99))
      .ThenRejected("wrong_amount");
}

}  // namespace
}  // namespace payments
