#include "commands.h"

#include <utility>

#include "absl/time/time.h"
#include "stele/eventstore/postgres_event_store.h"

namespace stele::cli {

absl::StatusOr<std::string> Context::Dsn() const {
  if (!database_url.empty()) return database_url;
  return absl::InvalidArgumentError(
      "which database? Give --database-url or set STELE_DATABASE_URL, for "
      "example postgresql://user@localhost/shop");
}

absl::StatusOr<std::unique_ptr<EventStore>> Context::OpenStore() const {
  absl::StatusOr<std::string> dsn = Dsn();
  if (!dsn.ok()) return dsn.status();
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
