#ifndef ORDERS_FULFILMENT_H_
#define ORDERS_FULFILMENT_H_

#include "absl/time/time.h"
#include "orders/order.stele.h"

namespace orders {

// Sees an order through: reserves every line, asks for payment, ships. Undoes
// the reservations when a line is short or the money does not come.
struct Fulfilment {
  using State = OrderFulfilment;
  using Saga = OrderFulfilment;
  template <typename E>
  using Event = stele::Recorded<E>;

  // How long an order waits for its payment, and how long a cancelled one
  // still waits for a payment that may yet come and must then be given back.
  // Set once, before the service starts.
  static absl::Duration payment_timeout;
  static absl::Duration late_payment_grace;

  // How long a refund may take before it is asked for again, and how often it
  // is asked for before somebody must look after it.
  static absl::Duration refund_timeout;
  static constexpr int kRefundRequestsMax = 3;

  static stele::Next On(Saga& saga, const Event<OrderPlaced>& e);
  static stele::Next On(Saga& saga, const Event<StockReserved>& e);
  static stele::Next On(Saga& saga, const Event<OrderPaid>& e);
  static stele::Next On(Saga& saga, const Event<PaymentRefused>& e);
  static stele::Next On(Saga& saga, const Event<OrderCancelled>& e);
  static stele::Next On(Saga& saga, const Event<LatePaymentReceived>& e);
  static stele::Next On(Saga& saga, const Event<OrderShipped>& e);
  static stele::Next On(Saga& saga, const Event<OrderRefunded>& e);

  static stele::Next On(Saga& saga, const stele::Rejected<ReserveStock>& no);
  static stele::Next On(Saga& saga, const stele::Rejected<ReleaseStock>& no);
  static stele::Next On(Saga& saga, const stele::Rejected<ShipStock>& no);
  static stele::Next On(Saga& saga, const stele::Rejected<RequestPayment>& no);
  static stele::Next On(Saga& saga, const stele::Rejected<ShipOrder>& no);
  static stele::Next On(Saga& saga, const stele::Rejected<CancelOrder>& no);
  static stele::Next On(Saga& saga, const stele::Rejected<CloseOrder>& no);
  static stele::Next On(Saga& saga, const stele::Rejected<RequestRefund>& no);
  static stele::Next On(Saga& saga,
                        const stele::Rejected<ReportOverdueRefund>& no);

  static stele::Next On(
      Saga& saga, const stele::Elapsed<OrderFulfilmentPaymentTimeout>& timer);
  static stele::Next On(
      Saga& saga, const stele::Elapsed<OrderFulfilmentLatePaymentGrace>& timer);
  static stele::Next On(
      Saga& saga, const stele::Elapsed<OrderFulfilmentRefundTimeout>& timer);
};

static_assert(DrivesOrderFulfilment<Fulfilment>);

}  // namespace orders

#endif  // ORDERS_FULFILMENT_H_
