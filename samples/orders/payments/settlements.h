#ifndef PAYMENTS_SETTLEMENTS_H_
#define PAYMENTS_SETTLEMENTS_H_

#include "absl/time/time.h"
#include "payments/payment.stele.h"

namespace payments {

// Cards that the sample's bank knows. Any other token is accepted at once.
inline constexpr char kDeclinedCard[] = "tok_declined";
inline constexpr char kLateCard[] = "tok_late";
inline constexpr char kSilentCard[] = "tok_silent";

// Asks the bank. A durable timer stands for the bank's thinking, so that an
// answer is neither lost nor given twice however often this service dies.
struct Settlements {
  using State = Settlement;

  // How late the bank answers for kLateCard. Set before the service starts.
  static absl::Duration late_answer;

  static stele::Next On(Settlement& saga,
                        const stele::Recorded<PaymentOpened>& e);
  static stele::Next On(Settlement&, const stele::Recorded<PaymentAccepted>&) {
    return stele::Complete();
  }
  static stele::Next On(Settlement&, const stele::Recorded<PaymentDeclined>&) {
    return stele::Complete();
  }
  static stele::Next On(Settlement&, const stele::Rejected<SettlePayment>&) {
    return stele::Complete();
  }
  static stele::Next On(Settlement& saga,
                        const stele::Elapsed<SettlementBankAnswer>&);
};

static_assert(DrivesSettlement<Settlements>);

}  // namespace payments

#endif  // PAYMENTS_SETTLEMENTS_H_
