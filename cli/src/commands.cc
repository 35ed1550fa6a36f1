#include "commands.h"

#include <utility>

#include "absl/time/time.h"
#include "stele/base/status.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/postgres/connect_options.h"
#include "stele/postgres/identifier.h"
#include "stele/runtime/migrate.h"

namespace stele::cli {

absl::StatusOr<std::string> Context::Dsn() const {
  if (database_url.empty()) {
    return absl::InvalidArgumentError(
        "which database? Give --database-url or set STELE_DATABASE_URL, for "
        "example postgresql://user@localhost/shop");
  }
  STELE_RETURN_IF_ERROR(
      Annotate(postgres::ValidateDsn(database_url), url_origin));
  STELE_RETURN_IF_ERROR(
      Annotate(postgres::ValidateSchemaName(schema), schema_origin));
  return database_url;
}

absl::StatusOr<std::unique_ptr<EventStore>> Context::OpenStore() const {
  absl::StatusOr<std::string> dsn = Dsn();
  if (!dsn.ok()) return dsn.status();
  STELE_RETURN_IF_ERROR(CheckAllMigrated(*dsn, schema));
  PostgresEventStoreOptions options;
  options.dsn = *std::move(dsn);
  options.schema = schema;
  options.append_connections = 1;
  options.read_connections = 1;
  options.sql_connections = 2;
  options.application_name = "stele-cli";
  return OpenPostgresEventStore(std::move(options));
}

CLI::App* AddCommand(CLI::App* parent, const std::string& name,
                     const std::string& help, Command run, Command& chosen) {
  CLI::App* command = parent->add_subcommand(name, help);
  command->callback([run = std::move(run), &chosen] { chosen = run; });
  return command;
}

std::string TimeText(absl::Time time) {
  if (time == absl::InfiniteFuture() || time == absl::InfinitePast() ||
      time == absl::UnixEpoch()) {
    return "-";
  }
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

}  // namespace stele::cli
