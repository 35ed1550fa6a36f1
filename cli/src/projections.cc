#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "arguments.h"
#include "commands.h"
#include "rebuild.h"
#include "stele/base/clock.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/projections/admin.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

json::object VersionJson(const ProjectionVersionStatus& version) {
  return json::object{{"version", version.version},
                      {"fingerprint", version.fingerprint},
                      {"table", version.table},
                      {"position", version.position},
                      {"parked_keys", version.parked_keys},
                      {"is_paused", version.is_paused},
                      {"is_kept_current", version.is_kept_current}};
}

}  // namespace

json::object ToJson(const ProjectionStatus& status) {
  json::object object{{"name", status.name},
                      {"view", status.view},
                      {"is_inline", status.is_inline},
                      {"head", status.head},
                      {"active", VersionJson(status.active)},
                      {"is_rebuild_requested", status.is_rebuild_requested},
                      {"last_error", status.last_error},
                      {"comparison", status.comparison},
                      {"problems", json::value_from(status.problems)},
                      {"processes", json::value_from(status.processes)}};
  if (status.previous) object["previous"] = VersionJson(*status.previous);
  if (status.building) object["building"] = VersionJson(*status.building);
  if (status.progress) {
    object["progress"] = json::object{
        {"phase", status.progress->phase},
        {"position", status.progress->position},
        {"target", status.progress->target},
        {"positions_per_second", status.progress->positions_per_second}};
  }
  return object;
}

absl::Status CheckKnown(ProjectionAdmin& admin, const std::string& name) {
  STELE_ASSIGN_OR_RETURN(const auto projections, admin.List());
  std::vector<std::string> names;
  for (const ProjectionStatus& status : projections) {
    if (status.name == name) return absl::OkStatus();
    names.push_back(status.name);
  }
  return absl::NotFoundError(absl::StrCat(
      "there is no projection ", Quoted(name),
      names.empty()
          ? "; this store has none"
          : absl::StrCat("; there are: ", absl::StrJoin(names, ", "))));
}

namespace {

bool HasFailedRebuild(const ProjectionStatus& status) {
  return !status.last_error.empty() && status.last_error != "aborted";
}

// A table that nobody fills is a problem once events wait for it, whether that
// is meant or not: who reads it does not know.
ExitCode ExitCodeOf(const ProjectionStatus& status) {
  const bool is_left_behind =
      (status.processes.empty() || status.active.is_paused) &&
      status.active.position < status.head;
  const bool is_well = status.active.parked_keys == 0 &&
                       status.problems.empty() && !is_left_behind &&
                       !HasFailedRebuild(status);
  return is_well ? kDone : kProblem;
}

std::string StateOf(const ProjectionStatus& status) {
  if (status.building) {
    return status.progress ? status.progress->phase : "building";
  }
  if (!status.problems.empty()) return Printable(status.problems.front());
  if (status.is_rebuild_requested) return "rebuild asked for";
  if (status.active.is_paused) return "paused";
  if (status.processes.empty()) return "nobody serves it";
  if (HasFailedRebuild(status)) return "last rebuild failed";
  if (status.active.parked_keys > 0) return "has parked keys";
  return status.is_inline ? "inline" : "following";
}

absl::StatusOr<Report> List(const Context& context) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto admin, ProjectionAdmin::Create(*store));
  STELE_ASSIGN_OR_RETURN(const auto projections, admin->List());
  Report report;
  report.columns = {"projection", "view",   "version", "position",
                    "behind",     "parked", "state"};
  json::array all;
  for (const ProjectionStatus& status : projections) {
    const std::int64_t position = status.active.position;
    report.rows.push_back(
        {status.name, status.view, absl::StrCat(status.active.version),
         absl::StrCat(position), absl::StrCat(status.head - position),
         absl::StrCat(status.active.parked_keys), StateOf(status)});
    all.push_back(ToJson(status));
    if (ExitCodeOf(status) != kDone) report.exit = kProblem;
  }
  report.data = std::move(all);
  return report;
}

void AddLine(Report& report, std::string_view label, const std::string& value) {
  absl::StrAppend(
      &report.text,
      absl::StrFormat("%-14s %s\n", absl::StrCat(std::string(label)), value));
}

std::string Describe(const ProjectionVersionStatus& version) {
  return absl::StrCat("version ", version.version, ", table ", version.table,
                      ", at ", version.position, ", code ", version.fingerprint,
                      version.is_kept_current ? "" : ", frozen");
}

absl::StatusOr<Report> Status(const Context& context,
                              const ProjectionOptions& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto admin, ProjectionAdmin::Create(*store));
  STELE_RETURN_IF_ERROR(CheckKnown(*admin, options.name));
  STELE_ASSIGN_OR_RETURN(const ProjectionStatus status,
                         admin->Status(options.name));
  Report report;
  AddLine(report, "projection", status.name);
  AddLine(report, "view", status.view);
  AddLine(report, "state", StateOf(status));
  AddLine(report, "log head", absl::StrCat(status.head));
  AddLine(report, "active", Describe(status.active));
  if (status.previous) AddLine(report, "previous", Describe(*status.previous));
  if (status.building) AddLine(report, "building", Describe(*status.building));
  AddLine(report, "served by",
          status.processes.empty() ? "nobody"
                                   : absl::StrJoin(status.processes, ", "));
  if (status.active.parked_keys > 0) {
    AddLine(report, "parked",
            absl::StrCat(status.active.parked_keys,
                         " keys, see stele parked list --consumer ",
                         status.active.consumer));
  }
  for (const std::string& problem : status.problems) {
    AddLine(report, "problem", Printable(problem));
  }
  if (!status.comparison.empty()) {
    AddLine(report, "last switch", status.comparison);
  }
  if (!status.last_error.empty()) {
    AddLine(report, "last error", Printable(status.last_error));
  }
  report.exit = ExitCodeOf(status);
  report.data = ToJson(status);
  return report;
}

absl::StatusOr<Report> Undo(const Context& context,
                            const ProjectionOptions& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto admin, ProjectionAdmin::Create(*store));
  STELE_RETURN_IF_ERROR(CheckKnown(*admin, options.name));
  STELE_RETURN_IF_ERROR(admin->Undo(
      options.name,
      SystemClock().Now() + absl::Seconds(options.timeout_seconds)));
  Report report;
  report.text = absl::StrCat(options.name, " shows its previous table again\n");
  report.data = json::object{{"name", options.name}};
  return report;
}

absl::StatusOr<Report> Abort(const Context& context,
                             const ProjectionOptions& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto admin, ProjectionAdmin::Create(*store));
  STELE_RETURN_IF_ERROR(CheckKnown(*admin, options.name));
  STELE_RETURN_IF_ERROR(admin->Abort(options.name));
  Report report;
  report.text = absl::StrCat("the rebuild of ", options.name, " is given up\n");
  report.data = json::object{{"name", options.name}};
  return report;
}

absl::StatusOr<Report> BehindLog(const Context& context,
                                 const ProjectionOptions& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto admin, ProjectionAdmin::Create(*store));
  STELE_RETURN_IF_ERROR(CheckKnown(*admin, options.name));
  STELE_RETURN_IF_ERROR(admin->PutBehindLog(options.name));
  Report report;
  report.text = absl::StrCat(options.name, " is filled by the log now\n");
  report.data = json::object{{"name", options.name}};
  return report;
}

}  // namespace

void AddProjections(CLI::App& app, const Context& context, Command& chosen) {
  CLI::App* projections =
      app.add_subcommand("projections", "Read models and their rebuilds");
  projections->require_subcommand(1);
  auto options = std::make_shared<ProjectionOptions>();
  AddCommand(
      projections, "list", "All projections and how far they are",
      [&context] { return List(context); }, chosen);
  CLI::App* status = AddCommand(
      projections, "status", "Everything about one projection",
      [&context, options] { return Status(context, *options); }, chosen);
  CLI::App* rebuild = AddCommand(
      projections, "rebuild",
      "Build its table anew beside the live one, then switch",
      [&context, options] { return Rebuild(context, *options); }, chosen);
  CLI::App* undo = AddCommand(
      projections, "undo", "Switch back to the table before the last switch",
      [&context, options] { return Undo(context, *options); }, chosen);
  CLI::App* abort = AddCommand(
      projections, "abort", "Give up a rebuild",
      [&context, options] { return Abort(context, *options); }, chosen);
  CLI::App* behind_log = AddCommand(
      projections, "behind-log",
      "Let everybody append an inline projection's events; the log fills it",
      [&context, options] { return BehindLog(context, *options); }, chosen);
  for (CLI::App* command : {status, rebuild, undo, abort, behind_log}) {
    AddName(command, "projection", options->name, "Its name")->required();
  }
  rebuild->add_flag("--no-wait", options->no_wait, "Ask for it and return");
  for (CLI::App* command : {rebuild, undo}) {
    AddNumber(command, "--timeout", options->timeout_seconds,
              "Seconds to wait for the switch", 1, 86'400 * 7);
  }
}

}  // namespace stele::cli
