#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "arguments.h"
#include "commands.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/sagas/saga_admin.h"
#include "stele/sagas/saga_storage.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string saga;
  std::string id;
  std::string status;
  std::int64_t limit = 100;
};

std::string StatusText(const SagaSummary& summary) {
  return absl::StrCat(std::string(SagaStatusName(summary.status)),
                      summary.may_be_stuck ? " (stuck?)" : "");
}

json::object ToJson(const SagaSummary& summary) {
  return json::object{{"saga", summary.row.saga},
                      {"id", summary.row.id},
                      {"status", std::string(SagaStatusName(summary.status))},
                      {"steps", summary.row.steps},
                      {"timers", summary.row.timers},
                      {"undos", summary.row.undos},
                      {"reason", summary.row.reason},
                      {"parked_cause", summary.parked_cause},
                      {"has_commands_out", summary.has_commands_out},
                      {"may_be_stuck", summary.may_be_stuck},
                      {"updated_at", TimeText(summary.row.updated_at)}};
}

// Those that have instances or a place in the log.
absl::StatusOr<std::set<std::string>> KnownSagas(
    EventStore& store, const std::vector<SagaCounts>& counts) {
  constexpr std::string_view kPrefix = "saga/";
  std::set<std::string> names;
  for (const SagaCounts& count : counts) names.insert(count.saga);
  STELE_ASSIGN_OR_RETURN(const auto consumers, store.consumers().List());
  for (const ConsumerStatus& consumer : consumers) {
    if (consumer.name.rfind(kPrefix, 0) == 0) {
      names.insert(consumer.name.substr(kPrefix.size()));
    }
  }
  return names;
}

absl::Status CheckKnown(EventStore& store, const std::string& saga,
                        const std::vector<SagaCounts>& counts) {
  if (saga.empty()) return absl::OkStatus();
  STELE_ASSIGN_OR_RETURN(const auto known, KnownSagas(store, counts));
  if (known.contains(saga)) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(
      "there is no saga ", Quoted(saga),
      known.empty()
          ? "; this store has none"
          : absl::StrCat("; there are: ", absl::StrJoin(known, ", "))));
}

absl::StatusOr<Report> List(const Context& context, const Options& options) {
  SagaQuery query;
  query.saga = options.saga;
  query.limit = options.limit;
  if (!options.status.empty()) {
    query.status = ParseSagaStatus(options.status);
    if (!query.status) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--status ", options.status,
          " is none of active, compensating, completed, compensated, parked"));
    }
  }
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto storage, OpenSagaStorage(*store));
  SagaAdmin admin(*store, *storage);
  STELE_ASSIGN_OR_RETURN(const auto counts, admin.Count());
  STELE_RETURN_IF_ERROR(CheckKnown(*store, options.saga, counts));
  STELE_ASSIGN_OR_RETURN(const auto sagas, admin.List(query));
  Report report;
  report.columns = {"saga",   "id",      "status", "steps",
                    "timers", "changed", "reason"};
  json::array all;
  for (const SagaSummary& summary : sagas) {
    report.rows.push_back(
        {summary.row.saga, Printable(summary.row.id), StatusText(summary),
         absl::StrCat(summary.row.steps), absl::StrCat(summary.row.timers),
         TimeText(summary.row.updated_at),
         Printable(summary.parked_cause.empty() ? summary.row.reason
                                                : summary.parked_cause)});
    all.push_back(ToJson(summary));
    if (summary.status == SagaStatus::kParked || summary.may_be_stuck) {
      report.exit = kProblem;
    }
  }
  json::array totals;
  for (const SagaCounts& count : counts) {
    absl::StrAppend(&report.text, count.saga, ": ", count.active, " active, ",
                    count.compensating, " compensating, ", count.completed,
                    " completed, ", count.compensated, " compensated, ",
                    count.parked, " parked\n");
    totals.push_back(json::object{{"saga", count.saga},
                                  {"active", count.active},
                                  {"compensating", count.compensating},
                                  {"completed", count.completed},
                                  {"compensated", count.compensated},
                                  {"parked", count.parked}});
  }
  report.data = json::object{{"instances", std::move(all)},
                             {"totals", std::move(totals)}};
  return report;
}

const char* OutcomeText(CommandOutcome outcome) {
  switch (outcome) {
    case CommandOutcome::kPending:
      return "pending";
    case CommandOutcome::kAccepted:
      return "accepted";
    case CommandOutcome::kRejected:
      return "rejected";
    case CommandOutcome::kGivenUp:
      return "given_up";
  }
  return "?";
}

void Append(std::string& text, const SagaStepLine& step) {
  absl::StrAppend(
      &text, TimeText(step.recorded_at), "  step ", step.step, "  after ",
      Printable(step.input), "  -> ", std::string(SagaStatusName(step.status)),
      step.reason.empty() ? "" : ": ", Printable(step.reason), "\n");
  for (const SagaCommandLine& command : step.commands) {
    absl::StrAppend(&text, "    ", command.is_undo ? "undoes with " : "sends ",
                    command.type, " ", Printable(command.body), "  ",
                    OutcomeText(command.outcome),
                    command.reason.empty() ? "" : ": ",
                    Printable(command.reason), "\n");
  }
  for (const SagaTimerLine& timer : step.timers) {
    absl::StrAppend(&text, "    starts timer ", timer.name, ", due ",
                    TimeText(timer.due_at), "\n");
  }
  for (const std::string& timer : step.cancelled_timers) {
    absl::StrAppend(&text, "    cancels timer ", timer, "\n");
  }
  absl::StrAppend(&text, "    state ", Printable(step.state), "\n");
}

json::object ToJson(const SagaCommandLine& command) {
  return json::object{{"command_id", command.command_id},
                      {"type", command.type},
                      {"body", command.body},
                      {"is_undo", command.is_undo},
                      {"outcome", OutcomeText(command.outcome)},
                      {"reason", command.reason}};
}

json::object ToJson(const SagaStepLine& step) {
  json::array commands;
  for (const SagaCommandLine& command : step.commands) {
    commands.push_back(ToJson(command));
  }
  json::array timers;
  for (const SagaTimerLine& timer : step.timers) {
    timers.push_back(
        json::object{{"name", timer.name}, {"due_at", TimeText(timer.due_at)}});
  }
  return json::object{
      {"step", step.step},
      {"position", step.position},
      {"recorded_at", TimeText(step.recorded_at)},
      {"input", step.input},
      {"status", std::string(SagaStatusName(step.status))},
      {"reason", step.reason},
      {"state", step.state},
      {"commands", std::move(commands)},
      {"timers", std::move(timers)},
      {"cancelled_timers", json::value_from(step.cancelled_timers)}};
}

absl::StatusOr<Report> Show(const Context& context, const Options& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto storage, OpenSagaStorage(*store));
  SagaAdmin admin(*store, *storage);
  STELE_ASSIGN_OR_RETURN(const SagaStory story,
                         admin.Show(options.saga, options.id));
  Report report;
  report.text = absl::StrCat(options.saga, " ", Printable(options.id), ": ",
                             StatusText(story.summary), "\n");
  if (!story.summary.parked_cause.empty()) {
    absl::StrAppend(&report.text,
                    "parked: ", Printable(story.summary.parked_cause), "\n");
  }
  if (story.summary.status == SagaStatus::kParked ||
      story.summary.may_be_stuck) {
    report.exit = kProblem;
  }
  json::array steps;
  for (const SagaStepLine& step : story.steps) {
    Append(report.text, step);
    steps.push_back(ToJson(step));
  }
  for (const SagaTimerLine& timer : story.waiting_timers) {
    absl::StrAppend(&report.text, "waits for timer ", timer.name, ", due ",
                    TimeText(timer.due_at), "\n");
  }
  for (const SagaCommandLine& undo : story.undo_stack) {
    absl::StrAppend(&report.text, "could be undone by ", undo.type, " ",
                    Printable(undo.body), "\n");
  }
  report.data = json::object{{"instance", ToJson(story.summary)},
                             {"steps", std::move(steps)}};
  return report;
}

absl::StatusOr<Report> SkipUndo(const Context& context,
                                const Options& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(auto storage, OpenSagaStorage(*store));
  SagaAdmin admin(*store, *storage);
  STELE_ASSIGN_OR_RETURN(const SkippedUndo skipped,
                         admin.SkipUndo(options.saga, options.id));
  Report report;
  report.text = absl::StrCat(
      skipped.was_asked_before ? "given up before: " : "given up: ",
      skipped.undo.type, " ", Printable(skipped.undo.body), ", sent by step ",
      skipped.step,
      "\nwhoever runs the saga goes on with the rest at its next ",
      "turn (stele sagas show tells)\n");
  report.data = json::object{{"saga", options.saga},
                             {"id", options.id},
                             {"step", skipped.step},
                             {"undo", ToJson(skipped.undo)},
                             {"was_asked_before", skipped.was_asked_before}};
  return report;
}

}  // namespace

void AddSagas(CLI::App& app, const Context& context, Command& chosen) {
  CLI::App* sagas = app.add_subcommand("sagas", "Long-running processes");
  sagas->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* list = AddCommand(
      sagas, "list", "Instances, those longest unchanged first",
      [&context, options] { return List(context, *options); }, chosen);
  AddName(list, "--saga", options->saga, "Only of this saga");
  list->add_option("--status", options->status,
                   "Only active, compensating, completed, compensated, parked");
  AddNumber(list, "--limit", options->limit, "Most instances to list", 1,
            100'000);
  CLI::App* show = AddCommand(
      sagas, "show", "One instance's story, step by step",
      [&context, options] { return Show(context, *options); }, chosen);
  CLI::App* skip = AddCommand(
      sagas, "skip-undo",
      "Give up the undo that an instance is stuck at; go on with the next",
      [&context, options] { return SkipUndo(context, *options); }, chosen);
  for (CLI::App* command : {show, skip}) {
    AddName(command, "saga", options->saga, "Its name")->required();
    AddName(command, "id", options->id, "The instance's id")->required();
  }
}

}  // namespace stele::cli
