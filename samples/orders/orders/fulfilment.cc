#include "orders/fulfilment.h"

#include <string>

namespace orders {

using stele::Next;

absl::Duration Fulfilment::payment_timeout = absl::Minutes(15);
absl::Duration Fulfilment::late_payment_grace = absl::Hours(24);
absl::Duration Fulfilment::refund_timeout = absl::Hours(1);

namespace {

Next AskForRefund(OrderFulfilment& saga) {
  const bool is_reminder = saga.refund_requests() > 0;
  saga.set_refund_requests(saga.refund_requests() + 1);
  return stele::Send(MakeRequestRefund({.order_id = saga.order_id(),
                                        .is_reminder = is_reminder}))
      .StartTimer<OrderFulfilmentRefundTimeout>(Fulfilment::refund_timeout);
}

}  // namespace

// [undo]
Next Fulfilment::On(Saga& saga, const Event<OrderPlaced>& e) {
  *saga.mutable_lines() = e->lines();
  saga.set_payment_token(e->payment_token());
  Next next;
  for (const OrderLine& line : saga.lines()) {
    next.Send(MakeReserveStock({.sku = line.sku(),
                                .order_id = saga.order_id(),
                                .quantity = line.quantity()}))
        .Undo(
            MakeReleaseStock({.sku = line.sku(), .order_id = saga.order_id()}));
  }
  return next;
}
// [/undo]

// [timer]
Next Fulfilment::On(Saga& saga, const Event<StockReserved>&) {
  saga.set_lines_reserved(saga.lines_reserved() + 1);
  if (saga.lines_reserved() < saga.lines_size() || saga.is_cancelled()) {
    return stele::Continue();
  }
  return stele::Send(
             MakeRequestPayment({.order_id = saga.order_id(),
                                 .payment_token = saga.payment_token()}))
      .StartTimer<OrderFulfilmentPaymentTimeout>(payment_timeout);
}
// [/timer]

Next Fulfilment::On(Saga& saga, const Event<OrderPaid>&) {
  Next next;
  for (const OrderLine& line : saga.lines()) {
    next.Send(MakeShipStock({.sku = line.sku(), .order_id = saga.order_id()}));
  }
  next.Send(MakeShipOrder({.order_id = saga.order_id()}));
  next.CancelTimer<OrderFulfilmentPaymentTimeout>();
  return next;
}

Next Fulfilment::On(Saga& saga, const Event<PaymentRefused>&) {
  if (saga.is_cancelled()) return stele::Complete();  // The answer came late.
  return stele::Send(MakeCancelOrder({.order_id = saga.order_id(),
                                      .reason = "payment_declined"}))
      .CancelTimer<OrderFulfilmentPaymentTimeout>()
      .AndCompensate("payment_declined");
}

// After a time-out the money may yet come: the stock goes back now, and the
// saga stays to refund it. All other cancellations are being compensated.
Next Fulfilment::On(Saga& saga, const Event<OrderCancelled>&) {
  saga.set_is_cancelled(true);
  if (!saga.is_timed_out()) return stele::Continue();
  Next next;
  for (const OrderLine& line : saga.lines()) {
    next.Send(
        MakeReleaseStock({.sku = line.sku(), .order_id = saga.order_id()}));
  }
  next.StartTimer<OrderFulfilmentLatePaymentGrace>(late_payment_grace);
  return next;
}

Next Fulfilment::On(Saga& saga, const Event<LatePaymentReceived>&) {
  return AskForRefund(saga).CancelTimer<OrderFulfilmentLatePaymentGrace>();
}

Next Fulfilment::On(Saga&, const Event<OrderShipped>&) {
  return stele::Complete();
}

Next Fulfilment::On(Saga&, const Event<OrderRefunded>&) {
  return stele::Complete();
}

// [compensate]
Next Fulfilment::On(Saga& saga, const stele::Rejected<ReserveStock>&) {
  return stele::Send(MakeCancelOrder({.order_id = saga.order_id(),
                                      .reason = "out_of_stock"}))
      .AndCompensate("out_of_stock");
}
// [/compensate]

Next Fulfilment::On(Saga&, const stele::Rejected<ReleaseStock>&) {
  return stele::Continue();  // Nothing was reserved: nothing to release.
}

Next Fulfilment::On(Saga&, const stele::Rejected<ShipStock>&) {
  return stele::Continue();  // ShipOrder decides; the books show the rest.
}

Next Fulfilment::On(Saga& saga, const stele::Rejected<RequestPayment>& no) {
  return stele::Send(MakeCancelOrder(
                         {.order_id = saga.order_id(), .reason = no.reason()}))
      .CancelTimer<OrderFulfilmentPaymentTimeout>()
      .AndCompensate(no.reason());
}

Next Fulfilment::On(Saga&, const stele::Rejected<ShipOrder>& no) {
  return stele::Compensate(no.reason());
}

// The payment was faster than the time-out: OrderPaid leads on.
Next Fulfilment::On(Saga&, const stele::Rejected<CancelOrder>&) {
  return stele::Continue();
}

Next Fulfilment::On(Saga&, const stele::Rejected<CloseOrder>&) {
  return stele::Complete();
}

Next Fulfilment::On(Saga&, const stele::Rejected<RequestRefund>&) {
  return stele::Complete();
}

Next Fulfilment::On(Saga&, const stele::Rejected<ReportOverdueRefund>&) {
  return stele::Continue();
}

Next Fulfilment::On(Saga& saga,
                    const stele::Elapsed<OrderFulfilmentPaymentTimeout>&) {
  saga.set_is_timed_out(true);
  return stele::Send(MakeCancelOrder(
      {.order_id = saga.order_id(), .reason = "payment_timeout"}));
}

Next Fulfilment::On(Saga& saga,
                    const stele::Elapsed<OrderFulfilmentLatePaymentGrace>&) {
  return stele::Send(MakeCloseOrder({.order_id = saga.order_id()}))
      .AndComplete();
}

// The money is owed until it is given back: the saga stays for that, however
// long it takes somebody to see to it.
Next Fulfilment::On(Saga& saga,
                    const stele::Elapsed<OrderFulfilmentRefundTimeout>&) {
  if (saga.refund_requests() < kRefundRequestsMax) return AskForRefund(saga);
  return stele::Send(MakeReportOverdueRefund({.order_id = saga.order_id()}));
}

}  // namespace orders
