#include "stele/eventstore/postgres_event_store.h"
#include "stele/outbox/migrations.h"
#include "stele/postgres/migrator.h"
#include "tests/outbox/inbox_suite.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

std::unique_ptr<EventStore> MakePostgres() {
  PostgresEventStoreOptions options;
  options.dsn = PostgresEnv::Dsn();
  options.schema = PostgresEnv::FreshSchema();
  const std::vector<postgres::MigrationSet> sets = {EventStoreMigrations(),
                                                    OutboxMigrations()};
  EXPECT_THAT(postgres::Migrate(options.dsn, options.schema, sets), IsOk());
  return OpenPostgresEventStore(options).value();
}

INSTANTIATE_TEST_SUITE_P(Postgres, InboxTest, ::testing::Values(&MakePostgres));

}  // namespace
}  // namespace stele::testing
