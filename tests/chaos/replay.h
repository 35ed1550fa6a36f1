#ifndef STELE_TESTS_CHAOS_REPLAY_H_
#define STELE_TESTS_CHAOS_REPLAY_H_

#include <string>

#include "absl/status/statusor.h"
#include "stele/eventstore/event_store.h"

namespace stele::chaos {

// What the read models of kill_model.h must hold, from the log alone and by
// none of the library's ways to fold it: a line each row, as PostgreSQL shows
// it. Of account_balance: account_id, balance_cents; of daily_turnover: day,
// direction, amount_cents, count; of transfer_status: transfer_id and
// amount_cents.
absl::StatusOr<std::string> ReplayTables(EventStore& store);

}  // namespace stele::chaos

#endif  // STELE_TESTS_CHAOS_REPLAY_H_
