#ifndef ORDERS_STOCK_DECIDER_H_
#define ORDERS_STOCK_DECIDER_H_

#include "orders/order.stele.h"

namespace orders {

// The rules of one article in the warehouse. What an order has reserved is
// known by the order's id, so that asking twice reserves once.
struct StockDecider {
  using Aggregate = StockItem;

  static StockItemDecision Decide(const StockItem& item,
                                  const ReceiveStock& cmd) {
    (void)item;
    if (cmd.quantity() < 1) return stele::Reject("bad_quantity");
    return MakeStockReceived({.quantity = cmd.quantity()});
  }

  static StockItemDecision Decide(const StockItem& item,
                                  const ReserveStock& cmd) {
    if (cmd.quantity() < 1) return stele::Reject("bad_quantity");
    if (item.reserved_for().contains(cmd.order_id())) return stele::NoEvents;
    if (cmd.quantity() > item.on_hand()) {
      return stele::Reject("insufficient_stock");
    }
    return MakeStockReserved(
        {.order_id = cmd.order_id(), .quantity = cmd.quantity()});
  }

  static StockItemDecision Decide(const StockItem& item,
                                  const ReleaseStock& cmd) {
    const auto it = item.reserved_for().find(cmd.order_id());
    if (it == item.reserved_for().end()) return stele::NoEvents;
    return MakeStockReleased(
        {.order_id = cmd.order_id(), .quantity = it->second});
  }

  static StockItemDecision Decide(const StockItem& item, const ShipStock& cmd) {
    const auto it = item.reserved_for().find(cmd.order_id());
    if (it == item.reserved_for().end()) return stele::Reject("not_reserved");
    return MakeStockShipped(
        {.order_id = cmd.order_id(), .quantity = it->second});
  }

  static void Evolve(StockItem& item, const StockReceived& e) {
    item.set_received(item.received() + e.quantity());
    item.set_on_hand(item.on_hand() + e.quantity());
  }
  static void Evolve(StockItem& item, const StockReserved& e) {
    item.set_on_hand(item.on_hand() - e.quantity());
    item.set_reserved(item.reserved() + e.quantity());
    (*item.mutable_reserved_for())[e.order_id()] = e.quantity();
  }
  static void Evolve(StockItem& item, const StockReleased& e) {
    item.set_on_hand(item.on_hand() + e.quantity());
    item.set_reserved(item.reserved() - e.quantity());
    item.mutable_reserved_for()->erase(e.order_id());
  }
  static void Evolve(StockItem& item, const StockShipped& e) {
    item.set_reserved(item.reserved() - e.quantity());
    item.set_shipped(item.shipped() + e.quantity());
    item.mutable_reserved_for()->erase(e.order_id());
  }
};

static_assert(DecidesStockItem<StockDecider>);

}  // namespace orders

#endif  // ORDERS_STOCK_DECIDER_H_
