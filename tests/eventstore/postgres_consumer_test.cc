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

class PostgresLeaseTest : public ConsumerTest {};
INSTANTIATE_TEST_SUITE_P(Postgres, PostgresLeaseTest,
                         ::testing::Values(kPostgres), NameOfKind);

// A commit that takes longer than the lease keeps it from being renewed.
TEST_P(PostgresLeaseTest, NobodyTakesASlotOfALiveOwner) {
  const absl::Duration lease = absl::Milliseconds(300);
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const SlotLease held = consumers().Acquire(kName, "a", lease)->at(0);
  const SlotAdvance advance{held, 5};
  ASSERT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    STELE_RETURN_IF_ERROR(
        consumers().Advance(tx, kName, std::span(&advance, 1)));
    while (Slots().at(0).lease_until + lease > absl::Now()) {
      STELE_RETURN_IF_ERROR(consumers().Renew(kName, "a", lease));
    }
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_THAT(consumers().Acquire(kName, "b", lease), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(consumers().Renew(kName, "a", lease)->at(0).epoch, held.epoch);
}

}  // namespace
}  // namespace stele::testing
