#include "postgres/service.h"

#include <optional>
#include <pqxx/result>
#include <pqxx/transaction_base>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/migrator.h"
#include "validate.h"

namespace stele {
namespace {

std::string StoreTable(const std::string& schema) {
  return absl::StrCat(postgres::QuoteIdentifier(schema), ".store");
}

absl::StatusOr<std::unique_ptr<postgres::Pool>> OnePool(
    const std::string& dsn) {
  postgres::PoolOptions options;
  options.connect.dsn = dsn;
  options.connect.application_name = "stele migrate";
  options.connect.statement_timeout = absl::Seconds(30);
  options.connections_max = 1;
  return postgres::Pool::Create(std::move(options));
}

// Nothing if the store is nobody's.
std::optional<std::string> ReadService(pqxx::transaction_base& tx,
                                       const std::string& schema) {
  const pqxx::result rows =
      tx.exec(absl::StrCat("SELECT service FROM ", StoreTable(schema)));
  if (rows.empty() || rows[0][0].is_null()) return std::nullopt;
  return rows[0][0].as<std::string>();
}

absl::Status CheckIsOf(const std::optional<std::string>& owner,
                       const std::string& schema, const std::string& service) {
  if (!owner.has_value() || *owner == service) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "schema ", Quoted(schema), " holds the store of service ", Quoted(*owner),
      ", and this is service ", Quoted(service),
      ": give each service a schema of its own. If it is the same service "
      "under a new name, run `stele migrate --schema ",
      schema, " --service ", service, "`"));
}

}  // namespace

absl::Status postgres_store::ClaimStore(postgres::Pool& pool,
                                        const std::string& schema,
                                        const std::string& service) {
  return pool.Transact(
      "claiming the store", [&](pqxx::transaction_base& tx) -> absl::Status {
        std::optional<std::string> owner = ReadService(tx, schema);
        if (!owner.has_value()) {
          tx.exec_params(absl::StrCat("UPDATE ", StoreTable(schema),
                                      " SET service = $1 WHERE service IS "
                                      "NULL"),
                         service);
          // Another may have been faster.
          owner = ReadService(tx, schema);
        }
        return CheckIsOf(owner, schema, service);
      });
}

absl::Status CheckStoreService(const std::string& dsn,
                               const std::string& schema,
                               const std::string& service) {
  STELE_RETURN_IF_ERROR(postgres::ValidateSchemaName(schema));
  STELE_RETURN_IF_ERROR(ValidateService(service));
  STELE_ASSIGN_OR_RETURN(const auto pool, OnePool(dsn));
  return pool->Transact(
      "looking whose store it is",
      [&](pqxx::transaction_base& tx) -> absl::Status {
        const bool is_there =
            !tx.exec_params1("SELECT to_regclass($1)", StoreTable(schema))[0]
                 .is_null();
        if (!is_there) return absl::OkStatus();
        return CheckIsOf(ReadService(tx, schema), schema, service);
      });
}

absl::Status SetStoreService(const std::string& dsn, const std::string& schema,
                             const std::string& service) {
  STELE_RETURN_IF_ERROR(ValidateService(service));
  STELE_RETURN_IF_ERROR(postgres::CheckMigrated(
      {.dsn = dsn}, schema, std::span(&EventStoreMigrations(), 1)));
  STELE_ASSIGN_OR_RETURN(const auto pool, OnePool(dsn));
  return pool->Transact(
      "naming the service of the store", [&](pqxx::transaction_base& tx) {
        tx.exec_params(
            absl::StrCat("UPDATE ", StoreTable(schema), " SET service = $1"),
            service);
        return absl::OkStatus();
      });
}

}  // namespace stele
