#include <atomic>
#include <span>

#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/transaction.h"
#include "tests/eventstore/postgres_fixture.h"

// Consumers as the database has them: whoever forgets one and those who work
// for it wait for each other in one order only.
namespace stele::testing {
namespace {

constexpr char kName[] = "books";
constexpr absl::Duration kLease = absl::Seconds(30);

class ConsumerLocksTest : public PostgresStoreTest {
 protected:
  PostgresEventStoreOptions Options() override {
    return {.dsn = Dsn(),
            .schema = schema(),
            .application_name = ApplicationName()};
  }
  std::string ApplicationName() { return "locks_" + schema(); }
  ConsumerStorage& consumers() { return store().consumers(); }

  static ParkedKey OfKey(const std::string& key) {
    ParkedKey parked;
    parked.key = key;
    parked.first_position = 1;
    return parked;
  }

  // Waits until a statement of the store waits for somebody's lock.
  void AwaitBlocked() {
    AwaitRow(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
        "application_name = '" +
        ApplicationName() + "'");
  }
  // How often the server has ended a deadlock; exact once all sessions are
  // gone, for they report when they end.
  std::string Deadlocks() {
    AwaitRow(
        "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE "
        "application_name = '" +
        ApplicationName() + "')");
    return AwaitRow(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = "
        "current_database()");
  }
};

TEST_F(ConsumerLocksTest, WhoAcquiresNeverWaitsForWhoForgets) {
  ASSERT_THAT(consumers().Register(kName, 4, 0), IsOk());
  ASSERT_THAT(consumers().Acquire(kName, {"a"}, kLease), IsOk());
  std::thread forgetting;
  {
    // An acquisition in its two halves.
    pqxx::connection connection(Dsn());
    pqxx::work tx(connection);
    tx.exec("SET LOCAL lock_timeout = '200ms'");
    tx.exec(Sql("SELECT FROM {s}.consumers FOR NO KEY UPDATE"));
    forgetting =
        std::thread([&] { EXPECT_THAT(consumers().Forget(kName), IsOk()); });
    AwaitBlocked();
    EXPECT_NO_THROW(tx.exec(
        Sql("SELECT * FROM {s}.acquire_slots('books', 'a', '{}', '30 s')")));
    EXPECT_NO_THROW(tx.commit());
  }
  forgetting.join();
  EXPECT_THAT(consumers().Acquire(kName, {"a"}, kLease),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ConsumerLocksTest, WhoHandlesNeverWaitsForWhoForgets) {
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const auto leases = consumers().Acquire(kName, {"a"}, kLease);
  ASSERT_THAT(leases, IsOk());
  const SlotAdvance advance{leases->front(), 1};
  const ParkedKey parked = OfKey("k");
  ASSERT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    STELE_RETURN_IF_ERROR(consumers().Park(tx, kName, parked));
    return consumers().Hold(tx, kName, "k", 1);
  }),
              IsOk());
  std::thread forgetting;
  EXPECT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    tx.sql()->exec("SET LOCAL lock_timeout = '200ms'");
    STELE_RETURN_IF_ERROR(
        consumers().Advance(tx, kName, std::span(&advance, 1)));
    if (!forgetting.joinable()) {
      forgetting =
          std::thread([&] { EXPECT_THAT(consumers().Forget(kName), IsOk()); });
    }
    AwaitBlocked();
    STELE_RETURN_IF_ERROR(consumers().Unhold(tx, kName, "k", 1));
    return consumers().Park(tx, kName, parked);
  }),
              IsOk());
  forgetting.join();
  EXPECT_THAT(consumers().ListParked(kName),
              IsOkAndHolds(::testing::IsEmpty()));
}

// As when the database was away for longer than a lease: the first one to come
// back must not take it for a sign.
TEST_F(ConsumerLocksTest, WhoMustYieldDoesSoForLongerThanALease) {
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const ConsumerOwner narrow{"old", {"x"}};
  const ConsumerOwner wide{"new", {"x", "y"}};
  ASSERT_THAT(consumers().Acquire(kName, wide, kLease), IsOk());
  const auto pass = [&](const std::string& time) {
    pqxx::connection connection(Dsn());
    pqxx::nontransaction(connection)
        .exec(Sql("UPDATE {s}.consumer_owners SET live_until = live_until - "
                  "interval '" +
                  time + "', awaited_until = awaited_until - interval '" +
                  time + "'"));
  };
  pass("31 s");
  EXPECT_THAT(consumers().Acquire(kName, narrow, kLease),
              IsOkAndHolds(::testing::IsEmpty()));
  EXPECT_THAT(consumers().Acquire(kName, wide, kLease),
              IsOkAndHolds(::testing::SizeIs(1)));
  pass("181 s");
  EXPECT_THAT(consumers().Acquire(kName, narrow, kLease),
              IsOkAndHolds(::testing::SizeIs(1)));
}

TEST_F(ConsumerLocksTest, AllAtOnceEndInNoDeadlock) {
  constexpr int kRounds = 60;
  CloseStore();
  const std::string before = Deadlocks();
  auto shared = Open();
  ConsumerStorage& all = shared->consumers();
  std::atomic<int> working{0};
  std::atomic<bool> is_over{false};
  const auto is_expected = [](const absl::Status& status) {
    return status.ok() || absl::IsNotFound(status) || absl::IsAborted(status);
  };
  std::vector<std::thread> threads;
  for (const std::string owner : {"a", "b", "c"}) {
    threads.emplace_back([&, owner] {
      const ParkedKey parked = OfKey(owner);
      while (!is_over) {
        const auto leases = all.Acquire(kName, {owner}, kLease);
        ASSERT_TRUE(is_expected(leases.status())) << leases.status();
        if (!leases.ok() || leases->empty()) continue;
        std::vector<SlotAdvance> advances;
        for (const SlotLease& lease : *leases) {
          advances.push_back({lease, lease.position + 1});
        }
        const absl::Status done =
            shared->Transact([&](Transaction& tx) -> absl::Status {
              STELE_RETURN_IF_ERROR(all.Advance(tx, kName, advances));
              STELE_RETURN_IF_ERROR(all.Park(tx, kName, parked));
              STELE_RETURN_IF_ERROR(all.Hold(tx, kName, owner, 1));
              return all.Unhold(tx, kName, owner, 1);
            });
        ASSERT_TRUE(is_expected(done)) << done;
        if (done.ok()) ++working;
        const absl::Status renewed = all.Renew(kName, {owner}, kLease).status();
        ASSERT_TRUE(is_expected(renewed)) << renewed;
        const absl::Status released = all.Release(kName, owner);
        ASSERT_TRUE(is_expected(released)) << released;
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_THAT(all.Register(kName, 6, 0), IsOk());
    if (round % 3 == 0) {
      EXPECT_TRUE(is_expected(all.Reset(kName, 0)));
    }
    // Not before somebody has come to work in this round.
    const int seen = working;
    const absl::Time deadline = absl::Now() + kPatience;
    while (working == seen && absl::Now() < deadline) std::this_thread::yield();
    EXPECT_GT(working, seen);
    EXPECT_THAT(all.Forget(kName), IsOk());
  }
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  shared.reset();
  EXPECT_EQ(Deadlocks(), before);
}

}  // namespace
}  // namespace stele::testing
