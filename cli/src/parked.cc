// What consumers and inboxes have set aside, and what becomes of it.
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arguments.h"
#include "commands.h"
#include "consumer_facts.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/outbox/inbox_storage.h"

namespace stele::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string consumer;
  std::string key;
  std::int64_t first = 0;  // The event or message to discard, as it was listed.
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

void Add(Report& report, json::array& all, const std::string& consumer,
         const ParkedKey& key) {
  report.rows.push_back(
      {Printable(consumer), Printable(key.key), TimeText(key.parked_at),
       absl::StrCat(key.first_position), absl::StrCat(key.held),
       absl::StrCat(key.tries), TimeText(key.next_try), StateWord(key.state),
       Printable(key.cause)});
  json::object object{{"consumer", consumer},
                      {"key", key.key},
                      {"held", key.held},
                      {"tries", key.tries},
                      {"cause", key.cause},
                      {"parked_at", TimeText(key.parked_at)},
                      {"next_try", TimeText(key.next_try)},
                      {"state", StateWord(key.state)}};
  object[IsInbox(consumer) ? "first_message" : "first_position"] =
      key.first_position;
  all.push_back(std::move(object));
}

// By what an operator names the key of a message: messages without one are
// known by the number they were parked under.
std::string KeyOf(const ParkedMessage& message) {
  if (message.key.empty()) return absl::StrCat("#", message.id);
  return message.key.front() == '#' ? absl::StrCat("\\", message.key)
                                    : message.key;
}

// The one of `keys` that was given as it is or as it is listed.
std::string FindGiven(const std::vector<std::string>& keys,
                      const std::string& given) {
  for (const std::string& key : keys) {
    if (key == given) return key;
  }
  for (const std::string& key : keys) {
    if (Printable(key) == given) return key;
  }
  return given;
}

absl::StatusOr<std::vector<ParkedMessage>> AllMessages(
    InboxStorage& storage, const std::string& inbox) {
  std::vector<ParkedMessage> all;
  for (;;) {
    STELE_ASSIGN_OR_RETURN(
        auto page, storage.List(inbox, all.empty() ? 0 : all.back().id));
    if (page.empty()) return all;
    for (ParkedMessage& message : page) all.push_back(std::move(message));
  }
}

// The messages of an inbox, as keys that hold them.
absl::StatusOr<std::vector<ParkedKey>> ParkedInInbox(
    EventStore& store, const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const auto storage, OpenInboxStorage(store));
  STELE_ASSIGN_OR_RETURN(const auto messages,
                         AllMessages(*storage, InboxName(consumer)));
  std::map<std::string, ParkedKey> keys;
  for (const ParkedMessage& message : messages) {
    ParkedKey& key = keys[KeyOf(message)];
    ++key.held;
    if (key.held > 1) continue;
    key.key = KeyOf(message);
    key.first_position = message.id;
    key.tries = message.tries;
    key.cause = message.read_error.ok()
                    ? message.cause
                    : std::string(message.read_error.message());
    key.parked_at = message.parked_at;
    key.next_try = message.next_try;
  }
  std::vector<ParkedKey> list;
  for (auto& [name, key] : keys) list.push_back(std::move(key));
  return list;
}

absl::StatusOr<Report> List(const Context& context, const Options& options) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  if (!options.consumer.empty()) {
    STELE_RETURN_IF_ERROR(FindConsumer(*store, options.consumer));
  }
  STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> consumers,
                         store->consumers().List());
  Report report;
  report.columns = {"consumer", "key",      "since", "first", "held",
                    "tries",    "next try", "state", "cause"};
  json::array all;
  for (const ConsumerStatus& consumer : consumers) {
    if (!options.consumer.empty() && consumer.name != options.consumer) {
      continue;
    }
    const absl::StatusOr<std::vector<ParkedKey>> parked =
        IsInbox(consumer.name) ? ParkedInInbox(*store, consumer.name)
                               : store->consumers().ListParked(consumer.name);
    if (!parked.ok()) return parked.status();
    for (const ParkedKey& key : *parked) Add(report, all, consumer.name, key);
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

// Refuses to discard one message if that is not the first of its key.
absl::Status CheckFirst(const Options& options, const ParkedMessage& first) {
  if (options.all || first.id == options.first) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the first message held for key ", Quoted(options.key), " is number ",
      first.id, ", not ", options.first, ": nothing is discarded"));
}

// Retries or discards messages; those of a key one after another, for only the
// first is not held.
absl::StatusOr<Report> ChangeInbox(EventStore& store, const Options& options,
                                   ParkedState request) {
  const std::string inbox = InboxName(options.consumer);
  STELE_ASSIGN_OR_RETURN(const auto storage, OpenInboxStorage(store));
  STELE_ASSIGN_OR_RETURN(const auto messages, AllMessages(*storage, inbox));
  std::vector<std::string> keys;
  for (const ParkedMessage& message : messages) keys.push_back(KeyOf(message));
  const std::string key = FindGiven(keys, options.key);
  int changed = 0;
  for (const ParkedMessage& message : messages) {
    if (KeyOf(message) != key) continue;
    if (request == ParkedState::kRetryNow) {
      STELE_RETURN_IF_ERROR(storage->Retry(inbox, message.id));
    } else {
      STELE_RETURN_IF_ERROR(CheckFirst(options, message));
      STELE_RETURN_IF_ERROR(storage->Discard(inbox, message.id));
    }
    ++changed;
    if (request != ParkedState::kDiscardAll) break;
  }
  if (changed == 0) {
    return absl::NotFoundError(absl::StrCat(
        "key ", Quoted(options.key), " is not parked in ", options.consumer));
  }
  Report report;
  report.text = request == ParkedState::kRetryNow
                    ? "due now; whoever runs the inbox tries it again\n"
                    : absl::StrCat(changed, " discarded\n");
  report.data = json::object{{"consumer", options.consumer},
                             {"key", options.key},
                             {"messages", changed}};
  return report;
}

// What was asked for before and is not done yet, if `request` differs from it;
// else empty. There is one request a key: the last.
absl::StatusOr<std::string> Replaced(ConsumerStorage& consumers,
                                     const Options& options,
                                     ParkedState request) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> parked,
                         consumers.ListParked(options.consumer));
  for (const ParkedKey& key : parked) {
    if (key.key != options.key) continue;
    const bool is_same =
        key.state == request && (request != ParkedState::kDiscardOne ||
                                 key.discard_position == options.first);
    if (is_same) break;
    switch (key.state) {
      case ParkedState::kWaiting:
        break;
      case ParkedState::kRetryNow:
        return "the retry";
      case ParkedState::kDiscardOne:
        return absl::StrCat("the discard of the event at ",
                            key.discard_position);
      case ParkedState::kDiscardAll:
        return "the discard of all that is held";
    }
  }
  return "";
}

// The key of a consumer that was given as it is or as it is listed.
absl::StatusOr<std::string> GivenKey(ConsumerStorage& consumers,
                                     const Options& options) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> parked,
                         consumers.ListParked(options.consumer));
  std::vector<std::string> keys;
  for (const ParkedKey& key : parked) keys.push_back(key.key);
  return FindGiven(keys, options.key);
}

absl::StatusOr<Report> Change(const Context& context, Options options,
                              ParkedState request) {
  STELE_ASSIGN_OR_RETURN(auto store, context.OpenStore());
  STELE_RETURN_IF_ERROR(FindConsumer(*store, options.consumer));
  if (IsInbox(options.consumer)) {
    return ChangeInbox(*store, options, request);
  }
  ConsumerStorage& consumers = store->consumers();
  STELE_ASSIGN_OR_RETURN(options.key, GivenKey(consumers, options));
  STELE_ASSIGN_OR_RETURN(const std::string replaced,
                         Replaced(consumers, options, request));
  STELE_RETURN_IF_ERROR(
      request == ParkedState::kDiscardOne
          ? consumers.RequestDiscard(options.consumer, options.key,
                                     options.first)
          : consumers.RequestParked(options.consumer, options.key, request));
  Report report;
  report.text = absl::StrCat(
      "asked for; whoever works on ", options.consumer,
      " does it at its next turn (stele parked list shows the result)\n");
  json::object object{{"consumer", options.consumer}, {"key", options.key}};
  if (!replaced.empty()) {
    absl::StrAppend(&report.text, "this replaces ", replaced,
                    ", which was asked for and not yet done\n");
    object["replaces"] = replaced;
  }
  report.data = std::move(object);
  return report;
}

}  // namespace

void AddParked(CLI::App& app, const Context& context, Command& chosen) {
  CLI::App* parked = app.add_subcommand(
      "parked", "Keys set aside because an event or message of theirs fails");
  parked->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* list = AddCommand(
      parked, "list", "What is parked, since when and why",
      [&context, options] { return List(context, *options); }, chosen);
  AddName(list, "--consumer", options->consumer, "Only this consumer's");
  CLI::App* retry = AddCommand(
      parked, "retry", "Try what failed again now",
      [&context, options] {
        return Change(context, *options, ParkedState::kRetryNow);
      },
      chosen);
  CLI::App* discard = AddCommand(
      parked, "discard", "Give up what failed, or all that is held",
      [&context, options] {
        return Change(
            context, *options,
            options->all ? ParkedState::kDiscardAll : ParkedState::kDiscardOne);
      },
      chosen);
  for (CLI::App* command : {retry, discard}) {
    AddName(command, "consumer", options->consumer, "Its name")->required();
    command->add_option("key", options->key, "The parked key")->required();
  }
  CLI::App* what = discard->add_option_group("What");
  what->require_option(1);
  AddNumber(what, "--first", options->first,
            "The one that failed, by its number under \"first\" in parked "
            "list; refused if another is the first by now",
            1, std::numeric_limits<std::int64_t>::max());
  what->add_flag("--all", options->all, "All that is held for the key");
}

}  // namespace stele::cli
