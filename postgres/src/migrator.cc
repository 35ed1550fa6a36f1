#include "stele/postgres/migrator.h"

#include <openssl/evp.h>

#include <map>
#include <pqxx/nontransaction>
#include <pqxx/result>
#include <pqxx/transaction>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "answer_watch.h"
#include "rights.h"
#include "stele/base/check.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/errors.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/session.h"

namespace stele::postgres {
namespace {

constexpr std::string_view kChecking = "checking the schema";

struct Applied {
  std::string name;
  std::string checksum;
};
using AppliedByNumber = std::map<int, Applied>;

std::string Checksum(std::string_view sql) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  STELE_CHECK(EVP_Digest(sql.data(), sql.size(), digest, &size, EVP_sha256(),
                         nullptr) == 1);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::string TableName(const std::string& schema) {
  return absl::StrCat(QuoteIdentifier(schema), ".schema_migrations");
}

bool Exists(pqxx::transaction_base& tx, const std::string& table) {
  return !tx.exec_params("SELECT to_regclass($1)", table).at(0).at(0).is_null();
}

AppliedByNumber ReadApplied(pqxx::transaction_base& tx,
                            const std::string& schema,
                            std::string_view component) {
  AppliedByNumber applied;
  const pqxx::result rows =
      tx.exec_params(absl::StrCat("SELECT number, name, checksum FROM ",
                                  TableName(schema), " WHERE component = $1"),
                     std::string(component));
  for (const auto& row : rows) {
    applied[row[0].as<int>()] = {row[1].as<std::string>(),
                                 row[2].as<std::string>()};
  }
  return applied;
}

// OK iff what was applied is the beginning of what we know.
absl::Status CheckApplied(const std::string& schema, const MigrationSet& set,
                          const AppliedByNumber& applied) {
  for (const auto& [number, was] : applied) {
    if (number > static_cast<int>(set.migrations.size())) {
      return absl::FailedPreconditionError(absl::StrCat(
          "schema ", Quoted(schema), " is newer than this program: it has ",
          "migration ", number, " (", was.name, ") of ", ToAbsl(set.component),
          ", and the last one known here is ", set.migrations.size(),
          "; use a newer program"));
    }
    const Migration& known = set.migrations[number - 1];
    if (was.checksum != Checksum(known.sql)) {
      return absl::FailedPreconditionError(
          absl::StrCat("schema ", Quoted(schema), ": migration ", number, " (",
                       was.name, ") of ", ToAbsl(set.component),
                       " differs from the one known here (", ToAbsl(known.name),
                       "); the schema belongs to another build of the "
                       "program, and must not be touched by this one"));
    }
  }
  return absl::OkStatus();
}

// OK iff exactly what we know was applied.
absl::Status CheckCurrent(pqxx::transaction_base& tx, const std::string& schema,
                          const MigrationSet& set) {
  const AppliedByNumber applied = ReadApplied(tx, schema, set.component);
  STELE_RETURN_IF_ERROR(CheckApplied(schema, set, applied));
  if (applied.size() == set.migrations.size()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "schema ", Quoted(schema), " is older than this program: it has ",
      applied.size(), " of ", set.migrations.size(), " migrations of ",
      ToAbsl(set.component), "; ", MigrateAdvice(schema)));
}

// The server refuses both by the same word; a standby may be promoted, but a
// setting stays.
absl::Status CheckWritable(pqxx::transaction_base& tx) {
  const pqxx::row now = tx.exec1(
      "SELECT pg_catalog.pg_is_in_recovery(), "
      "pg_catalog.current_setting('transaction_read_only')::boolean");
  if (now[0].as<bool>()) {
    return absl::UnavailableError(
        "this server is a standby, or still recovering: connect to the "
        "primary");
  }
  if (!now[1].as<bool>()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "sessions may only read: default_transaction_read_only is on for this "
      "database, this role or the whole server; turn it off there");
}

void CreateSchema(pqxx::transaction_base& tx, const std::string& schema) {
  const std::string quoted = QuoteIdentifier(schema);
  // IF NOT EXISTS alone would ask for the right to create schemas even where
  // an administrator has made it already.
  const bool is_there = !tx.exec_params("SELECT to_regnamespace($1)", quoted)
                             .at(0)
                             .at(0)
                             .is_null();
  if (!is_there) tx.exec(absl::StrCat("CREATE SCHEMA ", quoted));
  if (Exists(tx, TableName(schema))) return;
  tx.exec(absl::StrCat("CREATE TABLE ", TableName(schema),
                       " (component text NOT NULL, number integer NOT NULL,"
                       " name text NOT NULL, checksum text NOT NULL,"
                       " applied_at timestamptz NOT NULL DEFAULT now(),"
                       " PRIMARY KEY (component, number))"));
}

void Apply(pqxx::transaction_base& tx, const std::string& schema,
           std::string_view component, const Migration& migration) {
  tx.exec(absl::StrReplaceAll(ToAbsl(migration.sql),
                              {{"{schema}", QuoteIdentifier(schema)}}));
  tx.exec_params(absl::StrCat("INSERT INTO ", TableName(schema),
                              " (component, number, name, checksum)"
                              " VALUES ($1, $2, $3, $4)"),
                 std::string(component), migration.number,
                 std::string(migration.name), Checksum(migration.sql));
}

// What to do where something that is no store's has a name that is needed.
absl::Status WithRoomAdvice(const std::string& schema,
                            const absl::Status& applied) {
  if (!absl::IsFailedPrecondition(applied)) return applied;
  return absl::FailedPreconditionError(absl::StrCat(
      applied.message(), ": schema ", Quoted(schema),
      " holds what is not of this store; choose another schema for the store, "
      "or rename or drop what is in its way"));
}

absl::StatusOr<ComponentVersion> ApplyMissing(pqxx::transaction_base& tx,
                                              const std::string& schema,
                                              const MigrationSet& set) {
  const AppliedByNumber applied = ReadApplied(tx, schema, set.component);
  STELE_RETURN_IF_ERROR(CheckApplied(schema, set, applied));
  ComponentVersion version;
  version.component = std::string(set.component);
  version.from = applied.empty() ? 0 : applied.rbegin()->first;
  version.to = static_cast<int>(set.migrations.size());
  for (int i = version.from; i < version.to; ++i) {
    STELE_CHECK(set.migrations[i].number == i + 1);
    STELE_RETURN_IF_ERROR(WithRoomAdvice(
        schema,
        CatchingAll(absl::StrCat("migration ", ToAbsl(set.migrations[i].name),
                                 " of ", ToAbsl(set.component)),
                    [&] {
                      Apply(tx, schema, set.component, set.migrations[i]);
                      return absl::OkStatus();
                    })));
  }
  return version;
}

// Runs `work`, which leaves no transaction open, on `schema`.
absl::Status WithSession(const ConnectOptions& connect,
                         const std::string& schema, std::string_view doing,
                         absl::FunctionRef<absl::Status(Session&)> work) {
  STELE_ASSIGN_OR_RETURN(const std::string dsn, FullDsn(connect));
  AnswerWatch watch;
  return CatchingAll(doing, [&] {
    Session session(dsn, &watch);
    session.SetPatience(PatienceFor(connect));
    session.OnAnswer();
    const absl::Status status =
        CatchingAll(doing, [&] { return work(session); });
    if (!absl::IsPermissionDenied(status)) return status;
    return WithRights(session, schema, status);
  });
}

}  // namespace

std::string MigrateAdvice(std::string_view schema) {
  if (schema == "stele") return "run `stele migrate`";  // The default.
  return absl::StrCat("run `stele migrate --schema ", ToAbsl(schema), "`");
}

absl::StatusOr<std::vector<ComponentVersion>> Migrate(
    const std::string& dsn, const std::string& schema,
    std::span<const MigrationSet> sets, bool dry_run) {
  STELE_RETURN_IF_ERROR(ValidateSchemaName(schema));
  std::vector<ComponentVersion> versions;
  const ConnectOptions connect = {.dsn = dsn,
                                  .application_name = "stele migrate"};
  const absl::Status status = WithSession(
      connect, schema, "migrating", [&](Session& session) -> absl::Status {
        pqxx::work tx(session);
        STELE_RETURN_IF_ERROR(CheckWritable(tx));
        // One migration at a time in a schema. The first key is ours alone.
        tx.exec_params("SELECT pg_advisory_xact_lock(1937009005, hashtext($1))",
                       schema);
        CreateSchema(tx, schema);
        tx.exec(absl::StrCat(
            "SET LOCAL search_path = ", QuoteIdentifier(schema), ", pg_temp"));
        for (const MigrationSet& set : sets) {
          STELE_ASSIGN_OR_RETURN(ComponentVersion version,
                                 ApplyMissing(tx, schema, set));
          versions.push_back(std::move(version));
        }
        if (!dry_run) tx.commit();
        return absl::OkStatus();
      });
  STELE_RETURN_IF_ERROR(status);
  return versions;
}

absl::Status CheckMigrated(const ConnectOptions& connect,
                           const std::string& schema,
                           std::span<const MigrationSet> sets) {
  STELE_RETURN_IF_ERROR(ValidateSchemaName(schema));
  return WithSession(connect, schema, kChecking, [&](Session& session) {
    pqxx::nontransaction tx(session);
    return CheckMigrated(tx, schema, sets);
  });
}

absl::Status CheckMigrated(pqxx::transaction_base& tx,
                           const std::string& schema,
                           std::span<const MigrationSet> sets) {
  return CatchingAll(kChecking, [&]() -> absl::Status {
    if (!Exists(tx, TableName(schema))) {
      return absl::FailedPreconditionError(
          absl::StrCat("there is no store in schema ", Quoted(schema),
                       " of this database; ", MigrateAdvice(schema)));
    }
    for (const MigrationSet& set : sets) {
      STELE_RETURN_IF_ERROR(CheckCurrent(tx, schema, set));
    }
    return absl::OkStatus();
  });
}

}  // namespace stele::postgres
