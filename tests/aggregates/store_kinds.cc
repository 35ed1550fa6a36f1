#include <cstdlib>
#include <iostream>

#include "dispatcher_fixture.h"
#include "stele/eventstore/in_memory.h"
#include "stele/eventstore/postgres_event_store.h"
#include "tests/support/postgres_env.h"

namespace stele {
namespace {

// Without a store there is nothing to test.
[[noreturn]] void Die(const absl::Status& status) {
  std::cerr << "no PostgreSQL event store: " << status.ToString() << "\n";
  std::exit(1);
}

std::unique_ptr<EventStore> OpenPostgres() {
  const std::string& dsn = testing::PostgresEnv::Dsn();
  const std::string schema = testing::PostgresEnv::FreshSchema();
  const auto migrated = MigrateEventStore(dsn, schema);
  if (!migrated.ok()) Die(migrated.status());
  PostgresEventStoreOptions options;
  options.dsn = dsn;
  options.schema = schema;
  options.sql_connections = 2;
  auto store = OpenPostgresEventStore(std::move(options));
  if (!store.ok()) Die(store.status());
  return *std::move(store);
}

}  // namespace

std::vector<StoreKind> StoreKinds() {
  return {{"InMemory", [] { return MakeInMemoryEventStore(); }},
          {"Postgres", OpenPostgres}};
}

}  // namespace stele
