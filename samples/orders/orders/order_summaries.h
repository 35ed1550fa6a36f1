#ifndef ORDERS_ORDER_SUMMARIES_H_
#define ORDERS_ORDER_SUMMARIES_H_

#include "orders/order.stele.h"

namespace orders {

// Keeps the order_summary table: row form. The row and the checkpoint commit
// together, so each event counts exactly once.
struct OrderSummaries {
  using ReadModel = OrderSummary;

  static void Apply(OrderSummary& row, const stele::Recorded<OrderPlaced>& e) {
    row.set_customer_id(e->customer_id());
    row.set_status(ORDER_STATUS_PLACED);
    row.set_line_count(e->lines_size());
    row.set_total_cents(e->total_cents());
  }
  static void Apply(OrderSummary& row,
                    const stele::Recorded<PaymentRequested>&) {
    row.set_status(ORDER_STATUS_AWAITING_PAYMENT);
  }
  static void Apply(OrderSummary& row, const stele::Recorded<OrderPaid>& e) {
    row.set_status(ORDER_STATUS_PAID);
    row.set_paid_cents(row.paid_cents() + e->amount_cents());
  }
  static void Apply(OrderSummary& row, const stele::Recorded<OrderShipped>&) {
    row.set_status(ORDER_STATUS_SHIPPED);
  }
  static void Apply(OrderSummary& row,
                    const stele::Recorded<OrderCancelled>& e) {
    row.set_status(ORDER_STATUS_CANCELLED);
    row.set_cancel_reason(e->reason());
  }
  static void Apply(OrderSummary& row,
                    const stele::Recorded<LatePaymentReceived>& e) {
    row.set_paid_cents(row.paid_cents() + e->amount_cents());
  }
  static void Apply(OrderSummary& row, const stele::Recorded<RefundOverdue>&) {
    row.set_needs_attention(true);
  }
  static void Apply(OrderSummary& row,
                    const stele::Recorded<OrderRefunded>& e) {
    row.set_refunded_cents(row.refunded_cents() + e->amount_cents());
    row.set_needs_attention(false);
  }
};

static_assert(ProjectsOrderSummary<OrderSummaries>);

}  // namespace orders

#endif  // ORDERS_ORDER_SUMMARIES_H_
