#include "demo/settings.h"

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "input/make_orders.h"
#include "stele/base/status.h"
#include "stele/runtime/config.h"

namespace orders {
namespace {

constexpr std::size_t kBadLinesTold = 20;

void Declare(stele::Config& config, Settings& settings) {
  config
      .Number("orders", &settings.orders, 1, 1'000'000,
              "How many orders; of --input at most so many, the first ones.")
      .Text("input", &settings.input,
            "A file of orders, one JSON object a line; - for standard input. "
            "Otherwise the sample's own 1,000, or made-up ones.")
      .Choice("bad-lines", &settings.bad_lines, {"skip", "refuse"},
              "What to do when a line of it is no order.")
      .Number("seed", &settings.seed, 0, INT_MAX, "Of made-up orders.")
      .Number("callers", &settings.callers, 1, 256, "Orders placed at a time.")
      .Url("database-url", &settings.database_url,
           "A PostgreSQL to use, where the demo makes the schemas "
           "orders_demo_orders and orders_demo_payments; one of our own is "
           "started otherwise.")
      .Url("broker-url", &settings.broker_url,
           "A NATS server to use; one of our own is started otherwise.")
      .Text("story", &settings.story, "The order whose story is told.")
      .Text("save-input", &settings.save_input, "Write the orders here, too.")
      .Flag("keep", &settings.keep,
            "Keep everything running until Enter is pressed, or, when standard "
            "input is no terminal, until SIGINT or SIGTERM.")
      .EnvironmentOnly({"database-url"});
}

std::string SourceOf(const stele::Config::Origin& origin) {
  if (origin.source == "environment") return "STELE_DATABASE_URL";
  if (origin.source == "file") {
    return absl::StrCat(origin.name, " of the --config file");
  }
  return absl::StrCat("--", origin.name);
}

void TakeOrigins(const stele::Config& config, Settings& settings) {
  for (const stele::Config::Origin& origin : config.origins()) {
    if (origin.name == "orders") {
      settings.are_orders_given = origin.source != "default";
    } else if (origin.name == "database-url") {
      settings.database_source = SourceOf(origin);
      settings.shown_database_url = origin.value;
    } else if (origin.name == "broker-url") {
      settings.broker_source = SourceOf(origin);
    }
  }
}

void TellBadLines(const std::string& name, const std::vector<BadLine>& lines) {
  for (std::size_t i = 0; i < lines.size() && i < kBadLinesTold; ++i) {
    std::cerr << name << ", line " << lines[i].number
              << ", skipped: " << lines[i].what << "\n";
  }
  if (lines.size() > kBadLinesTold) {
    std::cerr << name << ": " << lines.size() - kBadLinesTold
              << " more lines skipped, " << lines.size() << " in all\n";
  }
}

absl::StatusOr<std::vector<OrderInput>> ReadFrom(const std::string& path,
                                                 const std::string& bad_lines) {
  const std::string name = path == "-" ? "standard input" : path;
  STELE_ASSIGN_OR_RETURN(
      OrderFile read,
      ReadOrderFile(path,
                    bad_lines == "skip" ? BadLines::kSkip : BadLines::kRefuse));
  TellBadLines(name, read.bad_lines);
  if (!read.orders.empty()) return std::move(read.orders);
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no order in ", name, ": ",
      read.bad_lines.empty()
          ? "it is empty"
          : absl::StrCat("no line of ", read.bad_lines.size(), " is one")));
}

}  // namespace

absl::StatusOr<Settings> ParseSettings(int argc, const char* const* argv,
                                       const Environment& environment) {
  Settings settings;
  stele::Config config(
      "orders-demo",
      "Runs the orders sample: orders are placed, paid, shipped, refused, "
      "cancelled\nor compensated, and the books are checked at the end.");
  Declare(config, settings);
  STELE_RETURN_IF_ERROR(config.Parse(argc, argv, environment));
  TakeOrigins(config, settings);
  return settings;
}

absl::StatusOr<std::vector<OrderInput>> ReadInput(
    const Settings& settings, const std::string& programs_folder) {
  if (!settings.input.empty()) {
    STELE_ASSIGN_OR_RETURN(std::vector<OrderInput> orders,
                           ReadFrom(settings.input, settings.bad_lines));
    const auto most = static_cast<std::size_t>(settings.orders);
    if (settings.are_orders_given && orders.size() > most) orders.resize(most);
    return orders;
  }
  const Settings usual;
  const std::string path = programs_folder + "/orders.jsonl";
  if (settings.orders == usual.orders && settings.seed == usual.seed &&
      ::access(path.c_str(), R_OK) == 0) {
    return ReadFrom(path, settings.bad_lines);
  }
  return MakeOrders(settings.orders, static_cast<std::uint32_t>(settings.seed));
}

absl::Status Save(const std::string& path,
                  const std::vector<OrderInput>& orders) {
  errno = 0;
  std::ofstream file(path);
  for (const OrderInput& order : orders) {
    if (!file) break;  // Before errno tells of something else.
    file << FormatOrder(order) << "\n";
  }
  if (file) file.close();
  if (file) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

Schemas SchemasFor(const Settings& settings) {
  if (settings.database_url.empty()) return {};
  return {.orders = "orders_demo_orders", .payments = "orders_demo_payments"};
}

std::string DatabaseNotice(const Settings& settings) {
  if (settings.database_url.empty()) return "";
  const Schemas schemas = SchemasFor(settings);
  const bool is_variable = settings.database_source == "STELE_DATABASE_URL";
  return absl::StrCat(
      "NOTE: ", settings.database_source,
      " is given, so this demo is not private. It uses the PostgreSQL server\n"
      "        ",
      settings.shown_database_url, "\n      and writes into its schemas ",
      schemas.orders, ", ", schemas.payments,
      "\n      and those of their views. ",
      is_variable ? "Unset the variable" : "Leave it out",
      " for a server of the demo's own.\n");
}

}  // namespace orders
