#include <pqxx/pqxx>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "consumer_suite.h"
#include "stele/eventstore/postgres_event_store.h"
#include "subscription_suite.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

std::unique_ptr<EventStore> MakeStore(Clock&) {
  const std::string& dsn = PostgresEnv::Dsn();
  const std::string schema = PostgresEnv::FreshSchema();
  EXPECT_THAT(MigrateEventStore(dsn, schema), IsOk());
  auto store = OpenPostgresEventStore({.dsn = dsn, .schema = schema});
  EXPECT_THAT(store, IsOk());
  return store.ok() ? *std::move(store) : nullptr;
}

const EventStoreKind kPostgres{
    .name = "Postgres", .make = MakeStore, .has_sql = true};

INSTANTIATE_TEST_SUITE_P(Postgres, ConsumerTest, ::testing::Values(kPostgres),
                         NameOfKind);
INSTANTIATE_TEST_SUITE_P(Postgres, SubscriptionTest,
                         ::testing::Values(kPostgres), NameOfKind);

class PostgresLeaseTest : public ConsumerTest {
 protected:
  // While `lease.slot` is being moved and `other` waits for that, lets "b"
  // renew and acquire. Returns what `other` came to.
  absl::Status WhileMoving(const SlotLease& lease,
                           absl::FunctionRef<absl::Status()> other) {
    const SlotAdvance same{lease, lease.position};
    absl::Status status;
    std::thread waiting;
    EXPECT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
      STELE_RETURN_IF_ERROR(
          consumers().Advance(tx, kName, std::span(&same, 1)));
      waiting = std::thread([&] { status = other(); });
      AwaitWaiting(tx);
      STELE_RETURN_IF_ERROR(consumers().Renew(kName, {"b"}, kLease));
      return consumers().Acquire(kName, {"b"}, kLease).status();
    }),
                IsOk());
    if (waiting.joinable()) waiting.join();
    return status;
  }

  static constexpr absl::Duration kLease = absl::Seconds(30);

 private:
  // Waits until somebody waits for `tx`.
  static void AwaitWaiting(Transaction& tx) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (tx.sql()
               ->exec("SELECT FROM pg_locks WHERE NOT granted AND "
                      "pg_backend_pid() = ANY (pg_blocking_pids(pid))")
               .empty()) {
      ASSERT_LT(absl::Now(), deadline);
      std::this_thread::yield();
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Postgres, PostgresLeaseTest,
                         ::testing::Values(kPostgres), NameOfKind);

// A commit that takes longer than the lease keeps it from being renewed.
TEST_P(PostgresLeaseTest, NobodyTakesASlotOfALiveOwner) {
  const absl::Duration lease = absl::Milliseconds(300);
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const SlotLease held = consumers().Acquire(kName, {"a"}, lease)->at(0);
  const SlotAdvance advance{held, 5};
  ASSERT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    STELE_RETURN_IF_ERROR(
        consumers().Advance(tx, kName, std::span(&advance, 1)));
    while (Slots().at(0).lease_until + lease > absl::Now()) {
      STELE_RETURN_IF_ERROR(consumers().Renew(kName, {"a"}, lease));
    }
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_THAT(consumers().Acquire(kName, {"b"}, lease),
              IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(consumers().Renew(kName, {"a"}, lease)->at(0).epoch, held.epoch);
}

TEST_P(PostgresLeaseTest, ResetWaitsForABatchAndKeepsNobodyFromRenewing) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  const SlotLease held = consumers().Acquire(kName, {"a"}, kLease)->at(0);
  EXPECT_THAT(WhileMoving(held, [&] { return consumers().Reset(kName, 7); }),
              IsOk());
  EXPECT_EQ(Slots().at(0).position, 7);
  EXPECT_EQ(Slots().at(1).position, 7);
  EXPECT_GT(Slots().at(0).epoch, held.epoch);
}

// Its slot cannot be taken from it, being locked, and need not be waited for.
TEST_P(PostgresLeaseTest, WhoMustYieldWhileItMovesACheckpointMovesItNoMore) {
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  SlotLease held = consumers().Acquire(kName, {"old", {"x"}}, kLease)->at(0);
  const SlotAdvance advance{held, 5};
  ASSERT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    STELE_RETURN_IF_ERROR(
        consumers().Advance(tx, kName, std::span(&advance, 1)));
    return consumers().Renew(kName, {"new", {"x", "y"}}, kLease).status();
  }),
              IsOk());
  EXPECT_EQ(Slots().at(0).position, 5);
  held.position = 5;
  const SlotAdvance next{held, 6};
  EXPECT_THAT(store().Transact([&](Transaction& tx) {
    return consumers().Advance(tx, kName, std::span(&next, 1));
  }),
              StatusIs(absl::StatusCode::kAborted));
  const auto taken = consumers().Acquire(kName, {"new", {"x", "y"}}, kLease);
  ASSERT_THAT(taken, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(taken->at(0).position, 5);
}

TEST_P(PostgresLeaseTest, ReleaseWaitsForABatchAndKeepsNobodyFromRenewing) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  const SlotLease held = consumers().Acquire(kName, {"a"}, kLease)->at(0);
  EXPECT_THAT(
      WhileMoving(held, [&] { return consumers().Release(kName, "a"); }),
      IsOk());
  EXPECT_EQ(Slots().at(0).owner, "");
  EXPECT_THAT(consumers().Acquire(kName, {"b"}, kLease),
              IsOkAndHolds(SizeIs(2)));
}

}  // namespace
}  // namespace stele::testing
