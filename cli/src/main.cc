#include <cstdio>
#include <exception>
#include <iostream>

#include "commands.h"
#include "stele/base/status.h"

namespace stele::cli {
namespace {

void AddAll(CLI::App& app, Context& context, Command& chosen) {
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", "stele 0.1.0");
  app.add_option("--database-url", context.database_url,
                 "Where the store is; a libpq connection string or URI")
      ->envname("STELE_DATABASE_URL");
  app.add_option("--schema", context.schema, "The schema of the store")
      ->envname("STELE_SCHEMA")
      ->capture_default_str();
  app.add_flag("--json", context.as_json,
               "Print one JSON object instead of text");
  app.add_option_function<std::string>(
         "-o,--output",
         [&context](const std::string& form) {
           context.as_json = form == "json";
         },
         "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  AddMigrate(app, context, chosen);
  AddStreams(app, context, chosen);
  AddConsumers(app, context, chosen);
  AddParked(app, context, chosen);
  AddProjections(app, context, chosen);
  AddSagas(app, context, chosen);
}

int Main(int argc, char** argv) {
  CLI::App app("Looks after a Stele event store.", "stele");
  Context context;
  Command chosen;
  AddAll(app, context, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  absl::StatusOr<Report> report = chosen();
  if (!report.ok()) return PrintFailure(report.status(), context.as_json);
  return Print(*report, context.as_json);
}

}  // namespace
}  // namespace stele::cli

int main(int argc, char** argv) {
  try {
    return stele::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "stele: internal error: " << error.what() << "\n";
    return stele::cli::kBug;
  }
}
