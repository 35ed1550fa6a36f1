#include "stele/runtime/migrate.h"

#include "stele/eventstore/postgres_event_store.h"
#include "stele/outbox/migrations.h"
#include "stele/projections/migrations.h"
#include "stele/sagas/migrations.h"

namespace stele {

absl::StatusOr<std::vector<postgres::ComponentVersion>> MigrateAll(
    const std::string& dsn, const std::string& schema, bool dry_run) {
  const postgres::MigrationSet sets[] = {EventStoreMigrations(),
                                         ProjectionMigrations(),
                                         SagaMigrations(), OutboxMigrations()};
  return postgres::Migrate(dsn, schema, sets, dry_run);
}

}  // namespace stele
