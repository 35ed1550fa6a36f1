#ifndef STELE_SAGAS_MIGRATIONS_H_
#define STELE_SAGAS_MIGRATIONS_H_

namespace stele {

namespace postgres {
struct MigrationSet;  // In stele/postgres/migrator.h.
}  // namespace postgres

// The timers and the list of sagas, component "sagas": for a service that has
// any. They live in the schema of its event store.
const postgres::MigrationSet& SagaMigrations();

}  // namespace stele

#endif  // STELE_SAGAS_MIGRATIONS_H_
