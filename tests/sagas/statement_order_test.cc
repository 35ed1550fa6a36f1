// Readers of the log wait for a transaction from its first position to its
// commit, so whatever takes positions comes last in it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "stele/base/status.h"
#include "stele/eventstore/forwarding_store.h"
#include "stele/testing/status_matchers.h"
#include "tests/sagas/saga_world.h"
#include "tests/sagas/stores.h"
#include "tests/sagas/trip_rules.h"

namespace stele::testing {
namespace {

// What one transaction was asked to do: "append" or "sql", in order.
using Deeds = std::vector<std::string>;

class WitnessingTransaction final : public ForwardingTransaction {
 public:
  WitnessingTransaction(Transaction& inner, Deeds& deeds)
      : ForwardingTransaction(inner), deeds_(deeds) {}

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests,
      const std::function<absl::Status(std::span<const RecordedEvent>)>&
          inline_work) override {
    auto results = ForwardingTransaction::AppendAll(requests, inline_work);
    deeds_.push_back("append");
    return results;
  }
  pqxx::transaction_base* sql() override {
    deeds_.push_back("sql");
    return ForwardingTransaction::sql();
  }

 private:
  Deeds& deeds_;
};

class WitnessingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    return inner().Transact([&](Transaction& tx) {
      transactions.emplace_back();
      WitnessingTransaction witnessing(tx, transactions.back());
      return work(witnessing);
    });
  }

  std::vector<Deeds> transactions;
};

// A trip that starts a timer, one whose timer runs out, one that is undone.
TEST(StatementOrderTest, NothingFollowsAnAppendInItsTransaction) {
  const SagaStore made = MakePostgresSagaStore();
  WitnessingStore store(*made.store);
  Checkpoint checkpoint;
  HandDriver driver(MakeSagaType<trips::Trips>(), store, *made.storage,
                    checkpoint);
  Dispatcher& world = driver.dispatcher();
  Send(world, trips::MakeOpenLeg({.leg_id = "a", .seats = 3}));
  Send(world, trips::MakeOpenLeg({.leg_id = "full", .seats = 0}));
  const auto place = [&](const char* trip, const char* second_leg) {
    trips::PlaceTrip command;
    command.set_trip_id(trip);
    command.add_leg_ids("a");
    if (*second_leg != 0) command.add_leg_ids(second_leg);
    command.set_patience_seconds(60);
    Send(world, command);
  };
  place("paid", "");
  place("late", "");
  place("undone", "full");
  ASSERT_THAT(driver.RunUntilIdle(), IsOk());
  Send(world, trips::MakePayTrip({.trip_id = "paid"}));
  ASSERT_THAT(driver.RunUntilIdle(), IsOk());
  made.let_pass(absl::Minutes(2));
  ASSERT_THAT(driver.RunUntilIdle(), IsOk());

  int appending = 0;
  int with_sql = 0;
  for (const Deeds& deeds : store.transactions) {
    const auto append = std::find(deeds.begin(), deeds.end(), "append");
    if (append == deeds.end()) continue;
    ++appending;
    if (deeds.front() == "sql") ++with_sql;
    EXPECT_EQ(append + 1, deeds.end()) << ::testing::PrintToString(deeds);
  }
  EXPECT_GT(appending, 3);  // The test would prove nothing.
  EXPECT_EQ(with_sql, appending);
}

}  // namespace
}  // namespace stele::testing
