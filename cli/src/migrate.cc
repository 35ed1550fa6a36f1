#include "stele/runtime/migrate.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "stele/base/status.h"
#include "stele/eventstore/postgres_event_store.h"

namespace stele::cli {
namespace {

// `service`: whose store it is to be; empty = as it is.
absl::StatusOr<Report> Migrate(const Context& context, bool dry_run,
                               const std::string& service) {
  STELE_ASSIGN_OR_RETURN(const std::string dsn, context.Dsn());
  STELE_ASSIGN_OR_RETURN(const auto components,
                         MigrateAll(dsn, context.schema, dry_run));
  if (!service.empty()) {
    STELE_RETURN_IF_ERROR(SetStoreService(dsn, context.schema, service));
  }
  Report report;
  report.columns = {"component", "from", "to"};
  boost::json::array all;
  bool changed = false;
  for (const postgres::ComponentVersion& component : components) {
    report.rows.push_back({component.component, absl::StrCat(component.from),
                           absl::StrCat(component.to)});
    all.push_back(boost::json::object{{"component", component.component},
                                      {"from", component.from},
                                      {"to", component.to}});
    changed = changed || component.from != component.to;
  }
  report.text = absl::StrCat(
      "schema ", context.schema,
      !changed  ? " is up to date\n"
      : dry_run ? " would be brought up to date; nothing was changed\n"
                : " is now up to date\n");
  if (!service.empty()) {
    absl::StrAppend(&report.text, "it holds the store of service ", service,
                    "\n");
  }
  report.data = std::move(all);
  return report;
}

}  // namespace

void AddMigrate(CLI::App& app, const Context& context, Command& chosen) {
  auto dry_run = std::make_shared<bool>(false);
  auto service = std::make_shared<std::string>();
  CLI::App* migrate = AddCommand(
      &app, "migrate", "Bring the schema of a store up to date",
      [&context, dry_run, service] {
        return Migrate(context, *dry_run, *service);
      },
      chosen);
  CLI::Option* const tried = migrate->add_flag(
      "--dry-run", *dry_run, "Try everything and roll it back again");
  migrate
      ->add_option("--service", *service,
                   "The service that the store is of from now on, whosever it "
                   "was")
      ->excludes(tried);
}

}  // namespace stele::cli
