#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

std::int64_t LeastPosition(const ConsumerStatus& consumer) {
  std::int64_t least = 0;
  for (const SlotStatus& slot : consumer.slots) {
    least = slot.slot == consumer.slots.front().slot
                ? slot.position
                : std::min(least, slot.position);
  }
  return least;
}

std::vector<std::string> Owners(const ConsumerStatus& consumer) {
  std::vector<std::string> owners;
  for (const SlotStatus& slot : consumer.slots) {
    if (!slot.owner.empty()) owners.push_back(slot.owner);
  }
  std::sort(owners.begin(), owners.end());
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  return owners;
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
  return json::object{{"name", consumer.name},
                      {"position", LeastPosition(consumer)},
                      {"behind", head - LeastPosition(consumer)},
                      {"parked_keys", consumer.parked_keys},
                      {"is_paused", consumer.is_paused},
                      {"slots", std::move(slots)}};
}

absl::StatusOr<Report> List(const Context& context) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(const std::int64_t head, store->Head());
  STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> consumers,
                         store->consumers().List());
  Report report;
  report.columns = {"consumer", "position", "behind",
                    "parked",   "state",    "owners"};
  json::array all;
  for (const ConsumerStatus& consumer : consumers) {
    const std::int64_t position = LeastPosition(consumer);
    const std::vector<std::string> owners = Owners(consumer);
    const std::string state = consumer.is_paused ? "paused"
                              : owners.empty()   ? "nobody works on it"
                                                 : "running";
    report.rows.push_back({consumer.name, absl::StrCat(position),
                           absl::StrCat(head - position),
                           absl::StrCat(consumer.parked_keys), state,
                           absl::StrCat(owners.size())});
    all.push_back(ToJson(consumer, head));
    if (consumer.parked_keys > 0) report.exit = kProblem;
  }
  report.text = absl::StrCat("head ", head, "\n");
  report.data = json::object{{"head", head}, {"consumers", std::move(all)}};
  return report;
}

absl::StatusOr<Report> SetPaused(const Context& context,
                                 const std::string& name, bool paused) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_RETURN_IF_ERROR(store->consumers().SetPaused(name, paused));
  Report report;
  report.text = absl::StrCat(name, paused ? " is paused\n" : " runs again\n");
  report.data = json::object{{"name", name}, {"is_paused", paused}};
  return report;
}

absl::StatusOr<Report> Reset(const Context& context, const std::string& name,
                             std::int64_t position) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_RETURN_IF_ERROR(store->consumers().Reset(name, position));
  Report report;
  report.text = absl::StrCat(name, " goes on after position ", position, "\n");
  report.data = json::object{{"name", name}, {"position", position}};
  return report;
}

struct ParkedOptions {
  std::string consumer;
  std::string key;
  bool all = false;
};

const char* StateWord(ParkedState state) {
  switch (state) {
    case ParkedState::kWaiting:
      return "waiting";
    case ParkedState::kRetryNow:
      return "retry asked for";
    case ParkedState::kDiscardOne:
    case ParkedState::kDiscardAll:
      return "discard asked for";
  }
  return "?";
}

absl::StatusOr<Report> ListParked(const Context& context,
                                  const ParkedOptions& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> consumers,
                         store->consumers().List());
  Report report;
  report.columns = {"consumer", "key",      "since", "held",
                    "tries",    "next try", "state", "cause"};
  json::array all;
  for (const ConsumerStatus& consumer : consumers) {
    if (!options.consumer.empty() && consumer.name != options.consumer) {
      continue;
    }
    STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> parked,
                           store->consumers().ListParked(consumer.name));
    for (const ParkedKey& key : parked) {
      report.rows.push_back({consumer.name, Printable(key.key),
                             TimeText(key.parked_at), absl::StrCat(key.held),
                             absl::StrCat(key.tries), TimeText(key.next_try),
                             StateWord(key.state), Printable(key.cause)});
      all.push_back(json::object{{"consumer", consumer.name},
                                 {"key", key.key},
                                 {"first_position", key.first_position},
                                 {"held", key.held},
                                 {"tries", key.tries},
                                 {"cause", key.cause},
                                 {"parked_at", TimeText(key.parked_at)},
                                 {"next_try", TimeText(key.next_try)},
                                 {"state", StateWord(key.state)}});
    }
  }
  if (report.rows.empty()) {
    report.columns.clear();
    report.text = "nothing is parked\n";
  } else {
    report.exit = kProblem;
  }
  report.data = std::move(all);
  return report;
}

absl::StatusOr<Report> Request(const Context& context,
                               const ParkedOptions& options,
                               ParkedState request) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_RETURN_IF_ERROR(
      store->consumers().RequestParked(options.consumer, options.key, request));
  Report report;
  report.text = absl::StrCat(
      "asked for; whoever works on ", options.consumer,
      " does it at its next turn (stele parked list shows the result)\n");
  report.data =
      json::object{{"consumer", options.consumer}, {"key", options.key}};
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
  auto name = std::make_shared<std::string>();
  auto position = std::make_shared<std::int64_t>(0);
  CLI::App* pause = AddCommand(
      consumers, "pause", "Stop handling events, keep the place",
      [&context, name] { return SetPaused(context, *name, true); }, chosen);
  CLI::App* resume = AddCommand(
      consumers, "resume", "Go on after a pause",
      [&context, name] { return SetPaused(context, *name, false); }, chosen);
  CLI::App* reset = AddCommand(
      consumers, "reset", "Go on from another position",
      [&context, name, position] { return Reset(context, *name, *position); },
      chosen);
  for (CLI::App* command : {pause, resume, reset}) {
    command->add_option("consumer", *name, "Its name, from consumers list")
        ->required();
  }
  reset->add_option("--to", *position, "Everything after it is handled again")
      ->required()
      ->check(CLI::NonNegativeNumber);
}

void AddParked(CLI::App& app, const Context& context, Command& chosen) {
  CLI::App* parked = app.add_subcommand(
      "parked", "Keys set aside because an event of theirs fails");
  parked->require_subcommand(1);
  auto options = std::make_shared<ParkedOptions>();
  CLI::App* list = AddCommand(
      parked, "list", "What is parked, since when and why",
      [&context, options] { return ListParked(context, *options); }, chosen);
  list->add_option("--consumer", options->consumer, "Only this consumer's");
  CLI::App* retry = AddCommand(
      parked, "retry", "Try the failed event again now",
      [&context, options] {
        return Request(context, *options, ParkedState::kRetryNow);
      },
      chosen);
  CLI::App* discard = AddCommand(
      parked, "discard", "Give up the failed event, or all that are held",
      [&context, options] {
        return Request(
            context, *options,
            options->all ? ParkedState::kDiscardAll : ParkedState::kDiscardOne);
      },
      chosen);
  for (CLI::App* command : {retry, discard}) {
    command->add_option("consumer", options->consumer, "Its name")->required();
    command->add_option("key", options->key, "The parked key")->required();
  }
  discard->add_flag("--all", options->all, "All events held for the key");
}

}  // namespace stele::cli
