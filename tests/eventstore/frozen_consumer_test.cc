#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <pqxx/pqxx>
#include <string>

#include "consumer_fixture.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/sandbox/supervised_process.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

class FrozenConsumerTest : public ConsumerTest {
 public:
  static std::unique_ptr<EventStore> MakeStore(Clock&) {
    const std::string& dsn = PostgresEnv::Dsn();
    schema_ = PostgresEnv::FreshSchema();
    EXPECT_THAT(MigrateEventStore(dsn, schema_), IsOk());
    auto store = OpenPostgresEventStore({.dsn = dsn, .schema = schema_});
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }

 protected:
  static std::unique_ptr<sandbox::SupervisedProcess> StartChild() {
    auto child = sandbox::SupervisedProcess::Start(
        {.argv = {STELE_FROZEN_CONSUMER_CHILD, PostgresEnv::Dsn(), schema_}});
    EXPECT_THAT(child, IsOk());
    return child.ok() ? *std::move(child) : nullptr;
  }

  // Stops `child` at a moment when it is not within a transaction: the locks of
  // one would be held until the server ends it, after a minute.
  void Freeze(sandbox::SupervisedProcess& child) {
    while (true) {
      child.Signal(SIGSTOP);
      Eventually([this] { return SessionsOfChild("active") == 0; });
      if (SessionsOfChild("idle in transaction") == 0) return;
      child.Signal(SIGCONT);
    }
  }

  std::int64_t SessionsOfChild(const std::string& state) {
    std::int64_t sessions = 0;
    EXPECT_THAT(store().Transact([&](Transaction& tx) {
      sessions = tx.sql()
                     ->exec_params(
                         "SELECT count(*) FROM pg_stat_activity WHERE "
                         "application_name = $1 AND state = $2",
                         schema_, state)
                     .at(0)
                     .at(0)
                     .as<std::int64_t>();
      return absl::OkStatus();
    }),
                IsOk());
    return sessions;
  }

  std::int64_t SlotsOf(const std::string& owner) {
    const std::vector<SlotStatus> slots = Slots();
    return std::count_if(
        slots.begin(), slots.end(),
        [&](const SlotStatus& slot) { return slot.owner == owner; });
  }

  static inline std::string schema_;
};

INSTANTIATE_TEST_SUITE_P(Postgres, FrozenConsumerTest,
                         ::testing::Values(EventStoreKind{
                             .name = "Postgres",
                             .make = FrozenConsumerTest::MakeStore,
                             .has_sql = true}),
                         NameOfKind);

// A process that is slow keeps its leases; one that is frozen loses them, and
// is refused when it wakes.
TEST_P(FrozenConsumerTest, AFrozenProcessLosesItsLeasesAndCannotCommit) {
  Inputs(10, 2);
  const auto child = StartChild();
  ASSERT_NE(child, nullptr);
  Eventually([&] { return VersionOf("reached-1") == 1; });
  LetLeasesGoBy("key0", absl::Milliseconds(300));
  EXPECT_EQ(SlotsOf("child"), 8);

  Freeze(*child);
  EffectHandler handler;
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(300);
  auto taker = Start(handler, "taker", options);
  Eventually([&] { return HasAllEffects(); });

  child->Signal(SIGCONT);
  Append("go-1");
  Eventually([&] { return SlotsOf("child") == 4; });
  Inputs(10, 2);
  Eventually([&] { return HasAllEffects(); });
  child->Kill9();
  ASSERT_THAT(taker->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
  EXPECT_EQ(VersionOf("reached-1"), 1);
}

}  // namespace
}  // namespace stele::testing
