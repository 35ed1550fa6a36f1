#ifndef PAYMENTS_PAYMENT_DECIDER_H_
#define PAYMENTS_PAYMENT_DECIDER_H_

#include "payments/payment.stele.h"

namespace payments {

// The rules of one payment: opened once, settled once, refunded at most once.
struct PaymentDecider {
  using Aggregate = Payment;

  static PaymentDecision Decide(const Payment&, const OpenPayment& cmd) {
    if (cmd.amount_cents() < 0) return stele::Reject("bad_amount");
    return MakePaymentOpened({.amount_cents = cmd.amount_cents(),
                              .payment_token = cmd.payment_token()});
  }

  static PaymentDecision Decide(const Payment& payment,
                                const SettlePayment& cmd) {
    if (payment.status() == PAYMENT_STATUS_UNSPECIFIED) {
      return stele::Reject("no_such_payment");
    }
    if (payment.status() != PAYMENT_STATUS_OPEN) return stele::NoEvents;
    if (!cmd.decline_reason().empty()) {
      return MakePaymentDeclined(
          {.order_id = cmd.order_id(), .reason = cmd.decline_reason()});
    }
    return MakePaymentAccepted(
        {.order_id = cmd.order_id(), .amount_cents = payment.amount_cents()});
  }

  static PaymentDecision Decide(const Payment& payment,
                                const RefundPayment& cmd) {
    if (payment.status() == PAYMENT_STATUS_REFUNDED) return stele::NoEvents;
    if (payment.status() != PAYMENT_STATUS_ACCEPTED) {
      return stele::Reject("not_accepted");
    }
    if (cmd.amount_cents() != payment.amount_cents()) {
      return stele::Reject("wrong_amount");
    }
    return MakePaymentRefunded(
        {.order_id = cmd.order_id(), .amount_cents = payment.amount_cents()});
  }

  static void Evolve(Payment& payment, const PaymentOpened& e) {
    payment.set_status(PAYMENT_STATUS_OPEN);
    payment.set_amount_cents(e.amount_cents());
  }
  static void Evolve(Payment& payment, const PaymentAccepted&) {
    payment.set_status(PAYMENT_STATUS_ACCEPTED);
  }
  static void Evolve(Payment& payment, const PaymentDeclined&) {
    payment.set_status(PAYMENT_STATUS_DECLINED);
  }
  static void Evolve(Payment& payment, const PaymentRefunded&) {
    payment.set_status(PAYMENT_STATUS_REFUNDED);
  }
};

static_assert(DecidesPayment<PaymentDecider>);

}  // namespace payments

#endif  // PAYMENTS_PAYMENT_DECIDER_H_
