#include "orders/order_decider.h"

#include <optional>
#include <set>
#include <string>

namespace orders {
namespace {

constexpr std::int64_t kMostLines = 50;
constexpr std::int64_t kMostOfOneArticle = 1'000;
constexpr std::int64_t kMostOnOneOrderCents = 10'000'00;

// Why the lines cannot be ordered; nothing if they can.
std::optional<stele::Rejection> FaultOfLines(const PlaceOrder& cmd) {
  if (cmd.lines().empty()) return stele::Reject("no_lines");
  if (cmd.lines_size() > kMostLines) return stele::Reject("too_many_lines");
  std::set<std::string> skus;
  std::int64_t total_cents = 0;
  for (const OrderLine& line : cmd.lines()) {
    if (line.sku().empty()) return stele::Reject("no_article");
    if (!skus.insert(line.sku()).second) {
      return stele::Reject("article_twice", line.sku());
    }
    if (line.quantity() < 1 || line.quantity() > kMostOfOneArticle) {
      return stele::Reject("bad_quantity", line.sku());
    }
    if (line.unit_price_cents() < 0 ||
        line.unit_price_cents() > kMostOnOneOrderCents) {
      return stele::Reject("bad_price", line.sku());
    }
    total_cents += line.quantity() * line.unit_price_cents();
  }
  if (total_cents != cmd.total_cents()) return stele::Reject("wrong_total");
  if (total_cents > kMostOnOneOrderCents) return stele::Reject("over_limit");
  return std::nullopt;
}

// Paid, and not asked to be given back.
std::int64_t DueToCustomer(const Order& order) {
  return order.paid_cents() - order.refunding_cents();
}

}  // namespace

OrderDecision OrderDecider::Decide(const Order&, const PlaceOrder& cmd) {
  if (cmd.customer_id().empty()) return stele::Reject("no_customer");
  if (auto fault = FaultOfLines(cmd)) return *fault;
  return MakeOrderPlaced({.customer_id = cmd.customer_id(),
                          .lines = {cmd.lines().begin(), cmd.lines().end()},
                          .total_cents = cmd.total_cents(),
                          .payment_token = cmd.payment_token()});
}

OrderDecision OrderDecider::Decide(const Order& order,
                                   const RequestPayment& cmd) {
  if (order.status() == ORDER_STATUS_CANCELLED) {
    return stele::Reject("cancelled");
  }
  if (order.status() != ORDER_STATUS_PLACED) return stele::NoEvents;
  return MakePaymentRequested({.order_id = cmd.order_id(),
                               .amount_cents = order.total_cents(),
                               .payment_token = cmd.payment_token()});
}

OrderDecision OrderDecider::Decide(const Order& order,
                                   const RecordPayment& cmd) {
  switch (order.status()) {
    case ORDER_STATUS_AWAITING_PAYMENT:
      return MakeOrderPaid({.amount_cents = cmd.amount_cents()});
    case ORDER_STATUS_CANCELLED:
      break;
    default:
      return stele::Reject("payment_not_expected");
  }
  const auto late =
      MakeLatePaymentReceived({.amount_cents = cmd.amount_cents()});
  if (!order.is_closed()) return late;
  return {late, MakeRefundRequested({.order_id = cmd.order_id(),
                                     .amount_cents = cmd.amount_cents()})};
}

OrderDecision OrderDecider::Decide(const Order& order,
                                   const RecordPaymentRefusal& cmd) {
  if (order.status() == ORDER_STATUS_UNSPECIFIED) {
    return stele::Reject("no_such_order");
  }
  return MakePaymentRefused({.reason = cmd.reason()});
}

OrderDecision OrderDecider::Decide(const Order& order, const ShipOrder&) {
  if (order.status() == ORDER_STATUS_SHIPPED) return stele::NoEvents;
  if (order.status() != ORDER_STATUS_PAID) return stele::Reject("not_paid");
  return MakeOrderShipped(
      {.lines = {order.lines().begin(), order.lines().end()},
       .total_cents = order.total_cents()});
}

OrderDecision OrderDecider::Decide(const Order& order, const CancelOrder& cmd) {
  switch (order.status()) {
    case ORDER_STATUS_PLACED:
    case ORDER_STATUS_AWAITING_PAYMENT:
      return MakeOrderCancelled({.reason = cmd.reason()});
    case ORDER_STATUS_CANCELLED:
      return stele::NoEvents;
    case ORDER_STATUS_PAID:
    case ORDER_STATUS_SHIPPED:
      return stele::Reject("already_paid");
    default:
      return stele::Reject("no_such_order");
  }
}

// A payment that came in between, with nobody left to ask for it back, is given
// back here.
OrderDecision OrderDecider::Decide(const Order& order, const CloseOrder& cmd) {
  if (order.status() != ORDER_STATUS_CANCELLED) {
    return stele::Reject("not_cancelled");
  }
  if (order.is_closed()) return stele::NoEvents;
  if (DueToCustomer(order) <= 0) return MakeOrderClosed({});
  return {MakeOrderClosed({}),
          MakeRefundRequested({.order_id = cmd.order_id(),
                               .amount_cents = DueToCustomer(order)})};
}

OrderDecision OrderDecider::Decide(const Order& order,
                                   const RequestRefund& cmd) {
  if (order.status() != ORDER_STATUS_CANCELLED) {
    return stele::Reject("not_cancelled");
  }
  if (DueToCustomer(order) > 0) {
    return MakeRefundRequested(
        {.order_id = cmd.order_id(), .amount_cents = DueToCustomer(order)});
  }
  if (!cmd.is_reminder() || order.refunding_cents() == 0) {
    return stele::NoEvents;
  }
  return MakeRefundRequested({.order_id = cmd.order_id(),
                              .amount_cents = order.refunding_cents(),
                              .is_reminder = true});
}

OrderDecision OrderDecider::Decide(const Order& order,
                                   const ReportOverdueRefund&) {
  if (order.refunding_cents() == 0) return stele::NoEvents;
  return MakeRefundOverdue({.amount_cents = order.refunding_cents()});
}

OrderDecision OrderDecider::Decide(const Order& order,
                                   const RecordRefund& cmd) {
  if (cmd.amount_cents() > order.refunding_cents()) {
    return stele::Reject("refund_not_expected");
  }
  return MakeOrderRefunded({.amount_cents = cmd.amount_cents()});
}

void OrderDecider::Evolve(Order& order, const OrderPlaced& e) {
  order.set_status(ORDER_STATUS_PLACED);
  *order.mutable_lines() = e.lines();
  order.set_total_cents(e.total_cents());
}

void OrderDecider::Evolve(Order& order, const PaymentRequested&) {
  order.set_status(ORDER_STATUS_AWAITING_PAYMENT);
}

void OrderDecider::Evolve(Order& order, const OrderPaid& e) {
  order.set_status(ORDER_STATUS_PAID);
  order.set_paid_cents(order.paid_cents() + e.amount_cents());
}

void OrderDecider::Evolve(Order& order, const LatePaymentReceived& e) {
  order.set_paid_cents(order.paid_cents() + e.amount_cents());
}

void OrderDecider::Evolve(Order&, const PaymentRefused&) {}

void OrderDecider::Evolve(Order& order, const OrderShipped&) {
  order.set_status(ORDER_STATUS_SHIPPED);
}

void OrderDecider::Evolve(Order& order, const OrderCancelled&) {
  order.set_status(ORDER_STATUS_CANCELLED);
}

void OrderDecider::Evolve(Order& order, const OrderClosed&) {
  order.set_is_closed(true);
}

void OrderDecider::Evolve(Order& order, const RefundRequested& e) {
  if (e.is_reminder()) return;
  order.set_refunding_cents(order.refunding_cents() + e.amount_cents());
}

void OrderDecider::Evolve(Order&, const RefundOverdue&) {}

void OrderDecider::Evolve(Order& order, const OrderRefunded& e) {
  order.set_refunding_cents(order.refunding_cents() - e.amount_cents());
  order.set_paid_cents(order.paid_cents() - e.amount_cents());
}

}  // namespace orders
