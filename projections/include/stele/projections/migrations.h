#ifndef STELE_PROJECTIONS_MIGRATIONS_H_
#define STELE_PROJECTIONS_MIGRATIONS_H_

#include "stele/postgres/migrator.h"

namespace stele {

// The tables of projections, component "projections": for postgres::Migrate(),
// beside the event store's.
const postgres::MigrationSet& ProjectionMigrations();

}  // namespace stele

#endif  // STELE_PROJECTIONS_MIGRATIONS_H_
