#ifndef ORDERS_DAILY_SALES_H_
#define ORDERS_DAILY_SALES_H_

#include "absl/status/status.h"
#include "orders/order.stele.h"

namespace orders {

// Keeps the daily_sales table: SQL form, for what is easier said in SQL.
struct DailySalesReport {
  using ReadModel = DailySales;

  static absl::Status Apply(const stele::SqlTarget& to,
                            const stele::Recorded<OrderShipped>& e);
};

static_assert(ProjectsDailySales<DailySalesReport>);

}  // namespace orders

#endif  // ORDERS_DAILY_SALES_H_
