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

}  // namespace
}  // namespace stele::testing
