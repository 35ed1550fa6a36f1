#ifndef STELE_CLI_COMMANDS_H_
#define STELE_CLI_COMMANDS_H_

#include <functional>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "output.h"
#include "stele/eventstore/event_store.h"

namespace stele::cli {

// What every command knows: where the store is, and how to answer.
struct Context {
  std::string database_url;
  std::string schema = "stele";
  bool as_json = false;
  // Where the two were given, for complaints.
  std::string url_origin = "--database-url";
  std::string schema_origin = "--schema";

  // The dsn; kInvalidArgument says how to give one, or what is wrong with it or
  // the schema's name.
  absl::StatusOr<std::string> Dsn() const;
  absl::StatusOr<std::unique_ptr<EventStore>> OpenStore() const;
};

// A command runs once the whole command line has been understood.
using Command = std::function<absl::StatusOr<Report>()>;

// Declares `name` below `parent`; `run` becomes the chosen command when the
// user asked for it.
CLI::App* AddCommand(CLI::App* parent, const std::string& name,
                     const std::string& help, Command run, Command& chosen);

// Each declares its commands below `app`.
void AddMigrate(CLI::App& app, const Context& context, Command& chosen);
void AddStreams(CLI::App& app, const Context& context, Command& chosen);
void AddConsumers(CLI::App& app, const Context& context, Command& chosen);
void AddParked(CLI::App& app, const Context& context, Command& chosen);
void AddProjections(CLI::App& app, const Context& context, Command& chosen);
void AddSagas(CLI::App& app, const Context& context, Command& chosen);

std::string TimeText(absl::Time time);  // RFC 3339, UTC; "-" for none.

}  // namespace stele::cli

#endif  // STELE_CLI_COMMANDS_H_
