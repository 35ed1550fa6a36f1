#include "stele/runtime/migrate.h"

#include "stele/eventstore/postgres_event_store.h"
#include "stele/outbox/migrations.h"
#include "stele/projections/migrations.h"
#include "stele/sagas/migrations.h"

namespace stele {

namespace {

std::vector<postgres::MigrationSet> AllSets() {
  return {EventStoreMigrations(), ProjectionMigrations(), SagaMigrations(),
          OutboxMigrations()};
}

}  // namespace

absl::StatusOr<std::vector<postgres::ComponentVersion>> MigrateAll(
    const std::string& dsn, const std::string& schema, bool dry_run) {
  return postgres::Migrate(dsn, schema, AllSets(), dry_run);
}

absl::Status CheckAllMigrated(const std::string& dsn,
                              const std::string& schema) {
  return postgres::CheckMigrated({.dsn = dsn}, schema, AllSets());
}

}  // namespace stele
