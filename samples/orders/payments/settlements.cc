#include "payments/settlements.h"

namespace payments {

absl::Duration Settlements::late_answer = absl::Minutes(30);

stele::Next Settlements::On(Settlement& saga,
                            const stele::Recorded<PaymentOpened>& e) {
  if (e->payment_token() == kSilentCard) return stele::Complete();
  if (e->payment_token() == kDeclinedCard) {
    saga.set_decline_reason("card_declined");
  }
  if (e->payment_token() == kLateCard) {
    return stele::StartTimer<SettlementBankAnswer>(late_answer);
  }
  return stele::Send(MakeSettlePayment(
      {.order_id = saga.order_id(), .decline_reason = saga.decline_reason()}));
}

stele::Next Settlements::On(Settlement& saga,
                            const stele::Elapsed<SettlementBankAnswer>&) {
  return stele::Send(MakeSettlePayment(
      {.order_id = saga.order_id(), .decline_reason = saga.decline_reason()}));
}

}  // namespace payments
