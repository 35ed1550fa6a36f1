// How the payments service asks the bank.
#include "payments/settlements.h"

#include <gtest/gtest.h>

#include "stele/testing/saga_given.h"

namespace payments {
namespace {

using stele::testing::GivenSaga;

PaymentOpened OpenedWith(std::string card) {
  return MakePaymentOpened(
      {.amount_cents = 25'00, .payment_token = std::move(card)});
}
PaymentAccepted Accepted() {
  return MakePaymentAccepted({.order_id = "7", .amount_cents = 25'00});
}
SettlePayment Accept() { return MakeSettlePayment({.order_id = "7"}); }

TEST(ASettlement, AcceptsAnUsualCardAtOnce) {
  GivenSaga<Settlements>("7")
      .On(OpenedWith("tok_visa"))
      .ThenSends(Accept())
      .ThenWaits()
      .On(Accepted())
      .ThenSendsNothing()
      .ThenCompletes();
}

TEST(ASettlement, DeclinesADeclinedCard) {
  GivenSaga<Settlements>("7")
      .On(OpenedWith(kDeclinedCard))
      .ThenSends(MakeSettlePayment(
          {.order_id = "7", .decline_reason = "card_declined"}))
      .On(MakePaymentDeclined({.order_id = "7", .reason = "card_declined"}))
      .ThenCompletes();
}

TEST(ASettlement, WaitsForABankThatIsLate) {
  GivenSaga<Settlements>("7")
      .On(OpenedWith(kLateCard))
      .ThenSendsNothing()
      .ThenTimer<SettlementBankAnswer>(Settlements::late_answer)
      .ThenWaits()
      .OnElapsed<SettlementBankAnswer>()
      .ThenSends(Accept())
      .On(Accepted())
      .ThenCompletes();
}

TEST(ASettlement, EndsAtOnceWithABankThatNeverAnswers) {
  GivenSaga<Settlements>("7")
      .On(OpenedWith(kSilentCard))
      .ThenSendsNothing()
      .ThenCompletes();
}

TEST(ASettlement, EndsWhenThePaymentCannotBeSettled) {
  GivenSaga<Settlements>("7")
      .On(OpenedWith("tok_visa"))
      .OnRejected(Accept(), "no_such_payment")
      .ThenSendsNothing()
      .ThenCompletes();
}

TEST(ASettlement, SwallowsWhatComesAfterItsEnd) {
  GivenSaga<Settlements>("7")
      .On(OpenedWith(kSilentCard))
      .On(Accepted())
      .ThenDropped("late");
}

}  // namespace
}  // namespace payments
