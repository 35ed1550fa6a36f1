#include <cstdint>
#include <limits>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "arguments.h"
#include "commands.h"
#include "consumer_facts.h"
#include "forget.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/outbox/inbox_storage.h"
#include "stele/projections/admin.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

json::array ToJson(const std::vector<OwnerStatus>& owners) {
  json::array all;
  for (const OwnerStatus& owner : owners) {
    json::array types;
    for (const std::string& type : owner.types) types.emplace_back(type);
    all.push_back(json::object{{"name", owner.name},
                               {"types", std::move(types)},
                               {"live_until", TimeText(owner.live_until)},
                               {"why_it_yields", owner.why_it_yields}});
  }
  return all;
}

// A line for each process that leaves its work to others.
std::string Yields(const ConsumerStatus& consumer) {
  std::string lines;
  for (const OwnerStatus& owner : consumer.owners) {
    if (owner.why_it_yields.empty()) continue;
    absl::StrAppend(&lines, Printable(consumer.name), ": ",
                    Printable(owner.name),
                    " yields: ", Printable(owner.why_it_yields), "\n");
  }
  return lines;
}

json::object ToJson(const ConsumerStatus& consumer, std::int64_t head) {
  json::array slots;
  for (const SlotStatus& slot : consumer.slots) {
    slots.push_back(json::object{{"slot", slot.slot},
                                 {"position", slot.position},
                                 {"epoch", slot.epoch},
                                 {"owner", slot.owner},
                                 {"lease_until", TimeText(slot.lease_until)},
                                 {"updated_at", TimeText(slot.updated_at)}});
  }
  json::object object{{"name", consumer.name},
                      {"parked_keys", consumer.parked_keys},
                      {"is_paused", consumer.is_paused},
                      {"owners", ToJson(consumer.owners)},
                      {"slots", std::move(slots)}};
  if (!IsInbox(consumer.name)) {
    object["position"] = LeastPosition(consumer);
    object["behind"] = head - LeastPosition(consumer);
  }
  return object;
}

std::vector<std::string> Row(const ConsumerStatus& consumer,
                             std::int64_t head) {
  const std::vector<std::string> owners = Owners(consumer);
  const std::string state = consumer.is_paused ? "paused"
                            : owners.empty()   ? "nobody works on it"
                                               : "running";
  // An inbox reads a broker, not the log.
  const bool reads_log = !IsInbox(consumer.name);
  const std::int64_t position = LeastPosition(consumer);
  return {Printable(consumer.name),
          reads_log ? absl::StrCat(position) : "-",
          reads_log ? absl::StrCat(head - position) : "-",
          absl::StrCat(consumer.parked_keys),
          state,
          absl::StrCat(owners.size())};
}

// Those that fill the tables that are read.
absl::StatusOr<std::set<std::string>> ActiveProjections(EventStore& store) {
  STELE_ASSIGN_OR_RETURN(auto admin, ProjectionAdmin::Create(store));
  STELE_ASSIGN_OR_RETURN(const auto projections, admin->List());
  std::set<std::string> names;
  for (const ProjectionStatus& status : projections) {
    names.insert(status.active.consumer);
  }
  return names;
}

// True iff events wait for somebody to work on it. A pause is meant, and so is
// the table that a projection no longer shows.
bool IsLeftBehind(const ConsumerStatus& consumer, std::int64_t head,
                  const std::set<std::string>& active_projections) {
  const bool is_in_use = consumer.name.rfind("projection/", 0) != 0 ||
                         active_projections.contains(consumer.name);
  return is_in_use && !IsInbox(consumer.name) && !consumer.is_paused &&
         Owners(consumer).empty() && LeastPosition(consumer) < head;
}

absl::StatusOr<std::int64_t> CountParkedInInbox(EventStore& store,
                                                const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const auto storage, OpenInboxStorage(store));
  return storage->CountParkedKeys(InboxName(consumer));
}

absl::StatusOr<Report> List(const Context& context) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(const std::int64_t head, store->Head());
  STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> consumers,
                         store->consumers().List());
  STELE_ASSIGN_OR_RETURN(const auto projections, ActiveProjections(*store));
  Report report;
  report.text = absl::StrCat("head ", head, "\n");
  report.columns = {"consumer", "position", "behind",
                    "parked",   "state",    "owners"};
  json::array all;
  for (ConsumerStatus consumer : consumers) {
    if (IsInbox(consumer.name)) {
      STELE_ASSIGN_OR_RETURN(consumer.parked_keys,
                             CountParkedInInbox(*store, consumer.name));
    }
    absl::StrAppend(&report.text, Yields(consumer));
    report.rows.push_back(Row(consumer, head));
    all.push_back(ToJson(consumer, head));
    if (consumer.parked_keys > 0 || IsLeftBehind(consumer, head, projections)) {
      report.exit = kProblem;
    }
  }
  report.data = json::object{{"head", head}, {"consumers", std::move(all)}};
  return report;
}

absl::StatusOr<Report> SetPaused(const Context& context,
                                 const std::string& name, bool paused) {
  if (IsInbox(name)) {
    return absl::FailedPreconditionError(
        "an inbox cannot be paused; stop the process that runs it");
  }
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_RETURN_IF_ERROR(FindConsumer(*store, name));
  STELE_RETURN_IF_ERROR(store->consumers().SetPaused(name, paused));
  Report report;
  report.text = absl::StrCat(name, paused ? " is paused\n" : " runs again\n");
  report.data = json::object{{"name", name}, {"is_paused", paused}};
  return report;
}

struct ResetOptions {
  std::string name;
  std::int64_t position = 0;
  bool force = false;
};

// Moving a consumer may count events twice or leave some out: to be meant.
absl::Status CheckReset(EventStore& store, const ResetOptions& options) {
  if (IsInbox(options.name)) {
    return absl::FailedPreconditionError(
        "an inbox has no position in the log; its place is kept by the broker");
  }
  STELE_ASSIGN_OR_RETURN(const std::int64_t head, store.Head());
  if (options.position > head) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--to ", options.position, " is beyond the log's head, ", head));
  }
  STELE_ASSIGN_OR_RETURN(const ConsumerStatus consumer,
                         FindConsumer(store, options.name));
  if (options.force) return absl::OkStatus();
  if (options.name.rfind("projection/", 0) == 0) {
    return absl::FailedPreconditionError(
        "events handled again would count twice in its rows; use stele "
        "projections rebuild, or --force if that is what you want");
  }
  if (LeastPosition(consumer) < options.position) {
    return absl::FailedPreconditionError(absl::StrCat(
        options.name, " is at ", LeastPosition(consumer),
        " and would leave events out; --force if that is what you want"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Report> Reset(const Context& context,
                             const ResetOptions& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_RETURN_IF_ERROR(CheckReset(*store, options));
  STELE_RETURN_IF_ERROR(
      store->consumers().Reset(options.name, options.position));
  Report report;
  report.text = absl::StrCat(options.name, " goes on after position ",
                             options.position, "\n");
  report.data =
      json::object{{"name", options.name}, {"position", options.position}};
  return report;
}

}  // namespace

void AddConsumers(CLI::App& app, const Context& context, Command& chosen) {
  CLI::App* consumers = app.add_subcommand(
      "consumers", "Projections, sagas and relays as readers of the log");
  consumers->require_subcommand(1);
  AddCommand(
      consumers, "list", "How far each has come, and who works on it",
      [&context] { return List(context); }, chosen);
  auto options = std::make_shared<ResetOptions>();
  CLI::App* pause = AddCommand(
      consumers, "pause", "Stop handling events, keep the place",
      [&context, options] { return SetPaused(context, options->name, true); },
      chosen);
  CLI::App* resume = AddCommand(
      consumers, "resume", "Go on after a pause",
      [&context, options] { return SetPaused(context, options->name, false); },
      chosen);
  CLI::App* reset = AddCommand(
      consumers, "reset", "Go on from another position",
      [&context, options] { return Reset(context, *options); }, chosen);
  auto is_meant = std::make_shared<bool>(false);
  CLI::App* forget = AddCommand(
      consumers, "forget", "Drop one that nobody runs any more",
      [&context, options, is_meant] {
        return ForgetConsumer(context, options->name, *is_meant);
      },
      chosen);
  forget->add_flag("--yes", *is_meant, "Also if something is lost, as it says");
  for (CLI::App* command : {pause, resume, reset, forget}) {
    AddName(command, "consumer", options->name, "Its name, from consumers list")
        ->required();
  }
  reset->add_flag("--force", options->force,
                  "Also if events are counted twice or left out");
  AddNumber(reset, "--to", options->position,
            "Everything after it is handled again", 0,
            std::numeric_limits<std::int64_t>::max())
      ->required();
}

}  // namespace stele::cli
