#ifndef STELE_OUTBOX_MIGRATIONS_H_
#define STELE_OUTBOX_MIGRATIONS_H_

namespace stele {

namespace postgres {
struct MigrationSet;  // In stele/postgres/migrator.h.
}  // namespace postgres

// The tables of the inbox, component "outbox": for a service that has one. They
// live in the schema of its event store.
const postgres::MigrationSet& OutboxMigrations();

}  // namespace stele

#endif  // STELE_OUTBOX_MIGRATIONS_H_
