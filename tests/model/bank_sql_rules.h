#ifndef STELE_TESTS_MODEL_BANK_SQL_RULES_H_
#define STELE_TESTS_MODEL_BANK_SQL_RULES_H_

#include <cstdint>
#include <pqxx/pqxx>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bank.stele.h"

namespace bank {

// Keeps the daily_turnover table, in SQL. A header of its own, for only it
// needs libpqxx.
struct Turnover {
  using ReadModel = DailyTurnover;

  static absl::Status Apply(const stele::SqlTarget& target,
                            const stele::Recorded<Deposited>& e) {
    return Add(target, e.recorded_at(), "in", e->amount_cents());
  }
  static absl::Status Apply(const stele::SqlTarget& target,
                            const stele::Recorded<Withdrawn>& e) {
    return Add(target, e.recorded_at(), "out", e->amount_cents());
  }

 private:
  static absl::Status Add(const stele::SqlTarget& target, absl::Time at,
                          const std::string& direction,
                          std::int64_t amount_cents) {
    // The primary key (day, direction) serves the conflict check.
    target.tx().exec_params(
        "INSERT INTO " + target.table() +
            " AS t (day, direction, amount_cents, count) "
            "VALUES ($1, $2, $3, 1) ON CONFLICT (day, direction) DO UPDATE "
            "SET amount_cents = t.amount_cents + excluded.amount_cents, "
            "count = t.count + 1",
        absl::FormatTime("%Y-%m-%d", at, absl::UTCTimeZone()), direction,
        amount_cents);
    return absl::OkStatus();
  }
};

static_assert(ProjectsDailyTurnover<Turnover>);

}  // namespace bank

#endif  // STELE_TESTS_MODEL_BANK_SQL_RULES_H_
