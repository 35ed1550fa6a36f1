#ifndef STELE_RUNTIME_MIGRATE_H_
#define STELE_RUNTIME_MIGRATE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/postgres/migrator.h"

namespace stele {

// Brings everything that Stele keeps in `schema` up to this library's version:
// events, projections, sagas and inboxes, in one transaction. Errors as
// postgres::Migrate().
absl::StatusOr<std::vector<postgres::ComponentVersion>> MigrateAll(
    const std::string& dsn, const std::string& schema, bool dry_run = false);

// OK iff `schema` is exactly at this library's version, all of it. Errors as
// postgres::CheckMigrated().
absl::Status CheckAllMigrated(const std::string& dsn,
                              const std::string& schema);

}  // namespace stele

#endif  // STELE_RUNTIME_MIGRATE_H_
