#include "orders/daily_sales.h"

#include <pqxx/pqxx>
#include <string>

#include "absl/time/time.h"

namespace orders {

// [sql]
absl::Status DailySalesReport::Apply(const stele::SqlTarget& to,
                                     const stele::Recorded<OrderShipped>& e) {
  const std::string day =
      absl::FormatTime("%Y-%m-%d", e.recorded_at(), absl::UTCTimeZone());
  const std::string upsert =
      "INSERT INTO " + to.table() +
      " AS sales (day, sku, units, revenue_cents) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT (day, sku) DO UPDATE SET "
      "units = sales.units + excluded.units, "
      "revenue_cents = sales.revenue_cents + excluded.revenue_cents";
  for (const OrderLine& line : e->lines()) {
    to.tx().exec_params(upsert, day, line.sku(), line.quantity(),
                        line.quantity() * line.unit_price_cents());
  }
  return absl::OkStatus();
}
// [/sql]

}  // namespace orders
