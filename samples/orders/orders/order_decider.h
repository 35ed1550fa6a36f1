#ifndef ORDERS_ORDER_DECIDER_H_
#define ORDERS_ORDER_DECIDER_H_

#include "orders/order.stele.h"

namespace orders {

// The rules of an order. Pure: no I/O, no clock, no randomness.
struct OrderDecider {
  using Aggregate = Order;

  static OrderDecision Decide(const Order& order, const PlaceOrder& cmd);
  static OrderDecision Decide(const Order& order, const RequestPayment& cmd);
  static OrderDecision Decide(const Order& order, const RecordPayment& cmd);
  static OrderDecision Decide(const Order& order,
                              const RecordPaymentRefusal& cmd);
  static OrderDecision Decide(const Order& order, const ShipOrder& cmd);
  static OrderDecision Decide(const Order& order, const CancelOrder& cmd);
  static OrderDecision Decide(const Order& order, const CloseOrder& cmd);
  static OrderDecision Decide(const Order& order, const RequestRefund& cmd);
  static OrderDecision Decide(const Order& order,
                              const ReportOverdueRefund& cmd);
  static OrderDecision Decide(const Order& order, const RecordRefund& cmd);

  // Evolving cannot fail: these facts have already happened.
  static void Evolve(Order& order, const OrderPlaced& e);
  static void Evolve(Order& order, const PaymentRequested& e);
  static void Evolve(Order& order, const OrderPaid& e);
  static void Evolve(Order& order, const LatePaymentReceived& e);
  static void Evolve(Order& order, const PaymentRefused& e);
  static void Evolve(Order& order, const OrderShipped& e);
  static void Evolve(Order& order, const OrderCancelled& e);
  static void Evolve(Order& order, const OrderClosed& e);
  static void Evolve(Order& order, const RefundRequested& e);
  static void Evolve(Order& order, const RefundOverdue& e);
  static void Evolve(Order& order, const OrderRefunded& e);
};

static_assert(DecidesOrder<OrderDecider>);

}  // namespace orders

#endif  // ORDERS_ORDER_DECIDER_H_
