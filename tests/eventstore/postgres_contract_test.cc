#include "stele/eventstore/postgres_event_store.h"
#include "stele/eventstore/testing/contract_suite.h"
#include "tests/support/postgres_env.h"

namespace {

std::unique_ptr<stele::EventStore> MakeStore(stele::Clock&) {
  const std::string& dsn = stele::testing::PostgresEnv::Dsn();
  const std::string schema = stele::testing::PostgresEnv::FreshSchema();
  EXPECT_THAT(stele::MigrateEventStore(dsn, schema), stele::testing::IsOk());
  auto store = stele::OpenPostgresEventStore({.dsn = dsn, .schema = schema});
  EXPECT_THAT(store, stele::testing::IsOk());
  return store.ok() ? *std::move(store) : nullptr;
}

}  // namespace

STELE_INSTANTIATE_EVENT_STORE_CONTRACT(
    Postgres, (stele::testing::EventStoreKind{
                  .name = "Postgres", .make = MakeStore, .has_sql = true}));
