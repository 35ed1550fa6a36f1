// The rules of an article in the warehouse.
#include "orders/stock_decider.h"

#include <gtest/gtest.h>

#include "stele/testing/given.h"

namespace orders {
namespace {

using stele::testing::Given;

StockReceived Received(std::int64_t quantity) {
  return MakeStockReceived({.quantity = quantity});
}
StockReserved Reserved(std::string order_id, std::int64_t quantity) {
  return MakeStockReserved(
      {.order_id = std::move(order_id), .quantity = quantity});
}
StockReleased Released(std::string order_id, std::int64_t quantity) {
  return MakeStockReleased(
      {.order_id = std::move(order_id), .quantity = quantity});
}
StockShipped Shipped(std::string order_id, std::int64_t quantity) {
  return MakeStockShipped(
      {.order_id = std::move(order_id), .quantity = quantity});
}

ReserveStock Reserve(std::string order_id, std::int64_t quantity) {
  return MakeReserveStock(
      {.sku = "MUG", .order_id = std::move(order_id), .quantity = quantity});
}
ReleaseStock Release(std::string order_id) {
  return MakeReleaseStock({.sku = "MUG", .order_id = std::move(order_id)});
}
ShipStock Ship(std::string order_id) {
  return MakeShipStock({.sku = "MUG", .order_id = std::move(order_id)});
}

TEST(ReceivingStock, AddsToWhatIsOnHand) {
  StockItem ten;
  ten.set_received(10);
  ten.set_on_hand(10);
  Given<StockDecider>(Received(4))
      .When(MakeReceiveStock({.sku = "MUG", .quantity = 6}))
      .Then(Received(6))
      .ThenState(ten);
}

TEST(ReceivingStock, IsOfSomething) {
  Given<StockDecider>()
      .When(MakeReceiveStock({.sku = "MUG", .quantity = 0}))
      .ThenRejected("bad_quantity");
}

TEST(ReservingStock, SetsItAsideForAnOrder) {
  StockItem after;
  after.set_received(10);
  after.set_on_hand(7);
  after.set_reserved(3);
  (*after.mutable_reserved_for())["7"] = 3;
  Given<StockDecider>(Received(10))
      .When(Reserve("7", 3))
      .Then(Reserved("7", 3))
      .ThenState(after);
}

TEST(ReservingStock, TakesTheLastButNotMore) {
  Given<StockDecider>(Received(10))
      .When(Reserve("7", 10))
      .Then(Reserved("7", 10));
  Given<StockDecider>(Received(10))
      .When(Reserve("7", 11))
      .ThenRejected("insufficient_stock");
  Given<StockDecider>(Received(10), Reserved("6", 8))
      .When(Reserve("7", 3))
      .ThenRejected("insufficient_stock");
}

TEST(ReservingStock, OfAnArticleNobodyKnowsIsShort) {
  Given<StockDecider>()
      .When(Reserve("7", 1))
      .ThenRejected("insufficient_stock");
}

TEST(ReservingStock, TwiceForAnOrderReservesOnce) {
  Given<StockDecider>(Received(10), Reserved("7", 3))
      .When(Reserve("7", 3))
      .ThenNothing();
}

TEST(ReservingStock, IsOfSomething) {
  Given<StockDecider>(Received(10))
      .When(Reserve("7", 0))
      .ThenRejected("bad_quantity");
}

TEST(ReleasingStock, PutsItBack) {
  StockItem after;
  after.set_received(10);
  after.set_on_hand(10);
  Given<StockDecider>(Received(10), Reserved("7", 3))
      .When(Release("7"))
      .Then(Released("7", 3))
      .ThenState(after);
}

TEST(ReleasingStock, OfAnOrderThatHasNoneIsHarmless) {
  Given<StockDecider>(Received(10)).When(Release("7")).ThenNothing();
  Given<StockDecider>(Received(10), Reserved("7", 3), Released("7", 3))
      .When(Release("7"))
      .ThenNothing();
}

TEST(ShippingStock, TakesWhatWasReservedOutOfTheHouse) {
  StockItem after;
  after.set_received(10);
  after.set_on_hand(7);
  after.set_shipped(3);
  Given<StockDecider>(Received(10), Reserved("7", 3))
      .When(Ship("7"))
      .Then(Shipped("7", 3))
      .ThenState(after);
}

TEST(ShippingStock, NeedsAReservation) {
  Given<StockDecider>(Received(10))
      .When(Ship("7"))
      .ThenRejected("not_reserved");
  Given<StockDecider>(Received(10), Reserved("7", 3), Shipped("7", 3))
      .When(Ship("7"))
      .ThenRejected("not_reserved");
}

TEST(ShippingStock, LeavesOtherOrdersAlone) {
  StockItem after;
  after.set_received(10);
  after.set_on_hand(2);
  after.set_reserved(5);
  after.set_shipped(3);
  (*after.mutable_reserved_for())["8"] = 5;
  Given<StockDecider>(Received(10), Reserved("7", 3), Reserved("8", 5),
                      Shipped("7", 3))
      .ThenState(after);
}

}  // namespace
}  // namespace orders
