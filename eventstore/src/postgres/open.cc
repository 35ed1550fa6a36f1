#include <cstdint>
#include <pqxx/transaction_base>
#include <utility>

#include "absl/strings/str_cat.h"
#include "postgres/service.h"
#include "postgres/store.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/postgres/connect_options.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/migrator.h"
#include "stele/postgres/session.h"
#include "validate.h"

namespace stele {
namespace {

// Those of consumers(): short statements, none of which waits for another.
constexpr int kAdminConnections = 2;

absl::Status CheckRange(const char* name, std::int64_t value,
                        std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, "; use ", least, " to ", most));
}

absl::Status CheckTimeout(const char* name, absl::Duration value,
                          absl::Duration least) {
  if (value >= least && value <= absl::Hours(1)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", absl::FormatDuration(value), "; use ",
                   absl::FormatDuration(least), " to 1h"));
}

absl::Status Validate(const PostgresEventStoreOptions& options) {
  STELE_RETURN_IF_ERROR(postgres::ValidateDsn(options.dsn));
  STELE_RETURN_IF_ERROR(postgres::ValidateSchemaName(options.schema));
  if (!options.service.empty()) {
    STELE_RETURN_IF_ERROR(ValidateService(options.service));
  }
  STELE_RETURN_IF_ERROR(
      CheckRange("append_connections", options.append_connections, 1, 64));
  STELE_RETURN_IF_ERROR(
      CheckRange("read_connections", options.read_connections, 1, 64));
  STELE_RETURN_IF_ERROR(
      CheckRange("sql_connections", options.sql_connections, 1, 256));
  STELE_RETURN_IF_ERROR(
      CheckRange("group_appends_max", options.group_appends_max, 1, 1000));
  STELE_RETURN_IF_ERROR(CheckRange("waiting_appends_max",
                                   options.waiting_appends_max, 1, 10'000'000));
  STELE_RETURN_IF_ERROR(CheckTimeout("call_timeout", options.call_timeout,
                                     absl::Milliseconds(10)));
  STELE_RETURN_IF_ERROR(CheckTimeout("connect_timeout", options.connect_timeout,
                                     absl::Seconds(1)));
  STELE_RETURN_IF_ERROR(CheckTimeout("idle_in_transaction_timeout",
                                     options.idle_in_transaction_timeout,
                                     absl::Milliseconds(10)));
  return CheckTimeout("network_timeout", options.network_timeout,
                      absl::Seconds(1));
}

postgres::ConnectOptions Connect(const PostgresEventStoreOptions& options) {
  postgres::ConnectOptions connect;
  connect.dsn = options.dsn;
  connect.application_name = options.application_name;
  connect.connect_timeout = options.connect_timeout;
  connect.network_timeout = options.network_timeout;
  connect.statement_timeout = options.call_timeout;
  connect.idle_in_transaction_timeout = options.idle_in_transaction_timeout;
  return connect;
}

postgres::PoolOptions SqlPool(const PostgresEventStoreOptions& options,
                              int connections) {
  postgres::PoolOptions pool;
  pool.connect = Connect(options);
  // Also where a transaction allows itself long statements.
  pool.connect.lock_timeout = options.call_timeout;
  pool.connections_max = connections;
  pool.checkout_timeout = options.call_timeout;
  return pool;
}

// Reads what identifies the store; also shows that it can be reached.
absl::StatusOr<Uuid> ReadEpoch(postgres::Pool& pool,
                               const std::string& schema) {
  constexpr std::string_view kDoing = "opening the event store";
  const postgres::Statement statement = {
      "stele_read_epoch",
      absl::StrCat("SELECT epoch FROM ", postgres::QuoteIdentifier(schema),
                   ".store"),
      {}};
  Uuid epoch;
  STELE_RETURN_IF_ERROR(
      pool.Transact(kDoing, [&](pqxx::transaction_base& tx) -> absl::Status {
        STELE_ASSIGN_OR_RETURN(
            const postgres::Result row,
            static_cast<postgres::Session&>(tx.conn()).Execute(
                kDoing, statement, postgres::Params()));
        if (row.rows() != 1) {
          return absl::DataLossError(absl::StrCat(
              "schema ", Quoted(schema), " has lost its row in `store`"));
        }
        epoch = row.GetUuid(0, 0);
        return absl::OkStatus();
      }));
  return epoch;
}

}  // namespace

postgres::ConnectOptions postgres_store::HotConnect(
    const PostgresEventStoreOptions& options) {
  postgres::ConnectOptions connect = Connect(options);
  connect.session_sql = kSteadyPlans;
  return connect;
}

absl::StatusOr<std::unique_ptr<EventStore>> OpenPostgresEventStore(
    PostgresEventStoreOptions options) {
  STELE_RETURN_IF_ERROR(Validate(options));
  const postgres::PoolOptions sql = SqlPool(options, options.sql_connections);
  STELE_RETURN_IF_ERROR(postgres::CheckMigrated(
      sql.connect, options.schema, std::span(&EventStoreMigrations(), 1)));
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<postgres::Pool> pool,
                         postgres::Pool::Create(sql));
  STELE_ASSIGN_OR_RETURN(
      std::unique_ptr<postgres::Pool> admin_pool,
      postgres::Pool::Create(SqlPool(options, kAdminConnections)));
  STELE_ASSIGN_OR_RETURN(const Uuid epoch, ReadEpoch(*pool, options.schema));
  if (!options.service.empty()) {
    STELE_RETURN_IF_ERROR(
        postgres_store::ClaimStore(*pool, options.schema, options.service));
  }
  return std::make_unique<postgres_store::PostgresEventStore>(
      std::move(options), std::move(pool), std::move(admin_pool), epoch);
}

absl::StatusOr<MigrationReport> MigrateEventStore(const std::string& dsn,
                                                  const std::string& schema,
                                                  bool dry_run) {
  STELE_ASSIGN_OR_RETURN(
      const std::vector<postgres::ComponentVersion> versions,
      postgres::Migrate(dsn, schema, std::span(&EventStoreMigrations(), 1),
                        dry_run));
  return MigrationReport{versions.front().from, versions.front().to};
}

}  // namespace stele
