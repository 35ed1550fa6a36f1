#ifndef STELE_POSTGRES_MIGRATOR_H_
#define STELE_POSTGRES_MIGRATOR_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/postgres/connect_options.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace stele::postgres {

// One step of a schema. Never changed once released: write a new one instead.
struct Migration {
  int number = 0;         // 1, 2, 3, ... without gaps.
  std::string_view name;  // "0002_append".
  // Statements, with {schema} where the quoted name of the schema belongs;
  // search_path is set to that schema while they run. They run inside a
  // transaction, so nothing that refuses to, such as CREATE INDEX CONCURRENTLY.
  std::string_view sql;
};

// The migrations of one module. Made from its .sql files by the CMake function
// stele_migrations(). A value type.
struct MigrationSet {
  std::string_view component;  // "eventstore"
  std::vector<Migration> migrations;
};

// How a component's schema stands.
struct ComponentVersion {
  std::string component;
  int from = 0;  // Number of the last migration applied before; 0 = none.
  int to = 0;    // ... and now (or, in a dry run, then).
};

// "run `stele migrate --schema orders`": what to do about tables that are
// missing in `schema`.
std::string MigrateAdvice(std::string_view schema);

// Brings `schema` up to date with all of `sets`, in one transaction and guarded
// against others doing so at the same time; makes the schema when it is
// missing. Applied migrations are kept, with a checksum, in the table
// schema_migrations. With `dry_run` all is done and rolled back; its locks are
// taken.
//
// Errors:
//   kInvalidArgument     a malformed dsn or schema name.
//   kUnavailable         the server cannot be reached, or is a standby.
//   kFailedPrecondition  a component of `sets` has, in the database, a
//   migration
//                        unknown to it (it is newer than this program), or one
//                        that differs (other components are not looked at); the
//                        schema holds something else by a name that is needed;
//                        or the database only lets its sessions read.
//   kPermissionDenied    the role of the connection lacks a right; the message
//                        names it, the schema's owner, and what would help.
absl::StatusOr<std::vector<ComponentVersion>> Migrate(
    const std::string& dsn, const std::string& schema,
    std::span<const MigrationSet> sets, bool dry_run = false);

// OK iff `schema` is exactly at the state that `sets` would bring it to.
//
// Errors: as for Migrate(); kFailedPrecondition also when a migration is
// missing.
absl::Status CheckMigrated(const ConnectOptions& connect,
                           const std::string& schema,
                           std::span<const MigrationSet> sets);
// The same within a transaction of the caller's: for a module that finds its
// tables in a store that is open already.
absl::Status CheckMigrated(pqxx::transaction_base& tx,
                           const std::string& schema,
                           std::span<const MigrationSet> sets);

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_MIGRATOR_H_
