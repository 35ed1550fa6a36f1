// orders-demo: the orders sample from end to end, on servers of its own.
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "demo/demo.h"
#include "demo/describe.h"
#include "demo/order_gate.h"
#include "demo/progress.h"
#include "demo/report.h"
#include "orders/order_decider.h"
#include "orders/stock_decider.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/runtime/config.h"

namespace orders {
namespace {

// What data/orders.jsonl was made of.
constexpr std::int64_t kUsualOrders = 1000;
constexpr std::int64_t kUsualSeed = 7;

// Orders that are on their way at a time, at most.
constexpr std::int64_t kOpenOrders = 200;

struct Settings {
  std::int64_t orders = kUsualOrders;
  std::string input;
  std::string bad_lines = "skip";
  std::int64_t seed = kUsualSeed;
  std::int64_t callers = 16;
  std::string database_url;
  std::string broker_url;
  std::string story;
  std::string save_input;
  bool keep = false;
};

void Declare(stele::Config& config, Settings& settings) {
  config.Number("orders", &settings.orders, 1, 1'000'000, "How many orders.")
      .Text("input", &settings.input,
            "A file of orders, one JSON object a line; - for standard input. "
            "Otherwise the sample's own 1,000, or made-up ones.")
      .Choice("bad-lines", &settings.bad_lines, {"skip", "refuse"},
              "What to do when a line of it is no order.")
      .Number("seed", &settings.seed, 0, INT_MAX, "Of made-up orders.")
      .Number("callers", &settings.callers, 1, 256, "Orders placed at a time.")
      .Text("database-url", &settings.database_url,
            "A PostgreSQL to use; one of our own is started otherwise.")
      .Text("broker-url", &settings.broker_url,
            "A NATS server to use; one of our own is started otherwise.")
      .Text("story", &settings.story, "The order whose story is told.")
      .Text("save-input", &settings.save_input, "Write the orders here, too.")
      .Flag("keep", &settings.keep,
            "Keep everything running until Enter is pressed.");
}

std::string ProgramsFolder() {
  char path[PATH_MAX] = {};
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path - 1);
  const std::string self(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return self.substr(0, self.rfind('/'));
}

// What --input names; or else the sample's own file, if just as many orders are
// wanted; or else orders made up.
absl::StatusOr<std::vector<OrderInput>> Input(const Settings& settings) {
  std::string path = settings.input;
  if (path.empty()) {
    path = ProgramsFolder() + "/orders.jsonl";
    const bool is_usual = settings.orders == kUsualOrders &&
                          settings.seed == kUsualSeed &&
                          ::access(path.c_str(), R_OK) == 0;
    if (!is_usual) {
      return MakeOrders(settings.orders,
                        static_cast<std::uint32_t>(settings.seed));
    }
  }
  STELE_ASSIGN_OR_RETURN(
      const OrderFile read,
      ReadOrderFile(path, settings.bad_lines == "skip" ? BadLines::kSkip
                                                       : BadLines::kRefuse));
  for (const BadLine& bad : read.bad_lines) {
    std::cerr << (path == "-" ? "standard input" : path) << ", line "
              << bad.number << ", skipped: " << bad.what << "\n";
  }
  if (read.orders.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no order in ", path));
  }
  return read.orders;
}

absl::Status Save(const std::string& path,
                  const std::vector<OrderInput>& orders) {
  std::ofstream file(path);
  for (const OrderInput& order : orders) file << FormatOrder(order) << "\n";
  file.close();
  if (!file) {
    return absl::InvalidArgumentError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

// An order of the rarest kind of outcome tells the most.
std::string PickStory(const std::map<std::string, Outcome>& outcomes) {
  for (const Outcome kind : {Outcome::kRefunded, Outcome::kOutOfStock,
                             Outcome::kPaymentDeclined, Outcome::kShipped}) {
    for (const auto& [id, outcome] : outcomes) {
      if (outcome == kind) return id;
    }
  }
  return "";
}

absl::StatusOr<Placing> Place(stele::EventStore& store,
                              const std::vector<OrderInput>& orders,
                              const Settings& settings) {
  auto dispatcher = stele::MakeDispatcher(store, {.conflict_retries_max = 50});
  STELE_RETURN_IF_ERROR(
      dispatcher->Add(stele::MakeAggregateType<OrderDecider>()));
  STELE_RETURN_IF_ERROR(
      dispatcher->Add(stele::MakeAggregateType<StockDecider>()));
  STELE_RETURN_IF_ERROR(FillWarehouse(*dispatcher, StockFor(orders), "demo"));
  STELE_ASSIGN_OR_RETURN(const auto gate,
                         OrderGate::Create(store, kOpenOrders));
  ProgressLine progress("Orders placed",
                        static_cast<std::int64_t>(orders.size()));
  return PlaceOrders(
      *dispatcher, orders, static_cast<int>(settings.callers),
      [&](std::int64_t done) { progress.Show(done); }, gate.get());
}

// The more orders share the machine, the longer each may take.
ClusterOptions Timed(ClusterOptions options, std::int64_t orders) {
  const absl::Duration unit =
      absl::Seconds(4) + absl::Milliseconds(20) * std::min(orders, kOpenOrders);
  options.payment_timeout = 2 * unit;
  options.late_answer = 3 * unit;
  options.late_payment_grace = 2 * unit;
  return options;
}

// The command as one would type it here.
std::string SteleProgram() {
  std::error_code error;
  const std::filesystem::path built =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() /
      "../../cli/stele";
  if (error || !std::filesystem::exists(built, error)) return "stele";
  return std::filesystem::proximate(built, error).string();
}

void PrintWhereToLook(const Cluster& cluster, bool keep) {
  std::cout
      << "\nWhere to look next\n"
         "  samples/orders/README.md             what you have just seen\n"
         "  samples/orders/orders/order.proto    the model, all of it\n"
         "  samples/orders/orders/fulfilment.cc  the saga\n"
         "  docs/start.md                        your own first aggregate\n";
  if (!keep) {
    std::cout << "  ./dev demo --keep                    the same, left "
                 "running to look into\n";
    return;
  }
  std::cout << "\nStill running, until you press Enter\n"
            << "  database  " << cluster.database_url() << "\n"
            << "  broker    " << cluster.broker_url() << "\n"
            << "  logs      " << cluster.folder() << "\n"
            << "  try       export STELE_DATABASE_URL=\""
            << cluster.database_url() << "\"\n"
            << "            " << SteleProgram() << " --schema orders sagas list"
            << std::endl;
  std::cin.clear();
  std::cin.get();
}

// The books of both services, their tables, and one order's story.
absl::StatusOr<bool> Verify(Stores& stores,
                            const std::vector<OrderInput>& orders,
                            const Placing& placing, const Settings& settings) {
  STELE_ASSIGN_OR_RETURN(const Books books, AuditOrders(*stores.orders));
  STELE_ASSIGN_OR_RETURN(const std::int64_t held,
                         AuditPayments(*stores.payments));
  std::map<std::string, Outcome> found = books.outcomes;
  for (const auto& [id, reason] : placing.refused) {
    found.try_emplace(id, Outcome::kRefused);
  }
  const bool as_expected = PrintOutcomes(ExpectedOutcomes(orders), found);
  PrintStock(books.stock);
  std::cout << "\nMoney\n  paid " << Money(books.paid) << " - refunded "
            << Money(books.refunded) << " = shipped "
            << Money(books.shipped_value) << "; the payments service holds "
            << Money(held) << "\n";
  STELE_RETURN_IF_ERROR(CheckBooks(books, held));
  STELE_RETURN_IF_ERROR(CompareSummaries(*stores.orders, books));
  STELE_RETURN_IF_ERROR(CompareSales(*stores.orders, books));
  STELE_RETURN_IF_ERROR(CheckNothingParked(stores));
  std::cout << "\nThe books balance; order_summary and daily_sales say what "
               "the events say;\nnothing is parked.\n";

  const std::string told =
      settings.story.empty() ? PickStory(found) : settings.story;
  STELE_ASSIGN_OR_RETURN(const auto story,
                         TellStory(*stores.orders, *stores.payments, told));
  PrintStory(told, story);

  std::cout << "\nRebuilding order_summary beside the live table\n";
  STELE_ASSIGN_OR_RETURN(const std::string comparison,
                         RebuildSummaries(*stores.orders));
  STELE_RETURN_IF_ERROR(CompareSummaries(*stores.orders, books));
  std::cout << "  " << comparison << "\n";
  return as_expected;
}

absl::Status PrintTotals(Stores& stores, std::size_t sent,
                         const Placing& placing, absl::Duration took) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t orders_head, stores.orders->Head());
  STELE_ASSIGN_OR_RETURN(const std::int64_t payments_head,
                         stores.payments->Head());
  std::cout << "\n"
            << sent << " orders sent in: " << placing.placed << " placed, "
            << placing.repeated << " sent twice and taken once, "
            << placing.refused.size() << " refused. All came to rest after "
            << absl::FormatDuration(absl::Trunc(took, absl::Milliseconds(100)))
            << ".\nThe orders service's log ends at position " << orders_head
            << ", the payments service's at " << payments_head << ".\n";
  return absl::OkStatus();
}

absl::StatusOr<bool> Run(const Settings& settings) {
  STELE_ASSIGN_OR_RETURN(const std::vector<OrderInput> orders, Input(settings));
  if (!settings.save_input.empty()) {
    STELE_RETURN_IF_ERROR(Save(settings.save_input, orders));
  }
  const absl::Time began = absl::Now();
  std::cerr << "Starting "
            << (settings.database_url.empty() ? "a PostgreSQL server, " : "")
            << (settings.broker_url.empty() ? "a NATS server, " : "")
            << "orders-service, orders-relay and payments-service ...\n";
  STELE_ASSIGN_OR_RETURN(
      auto cluster,
      Cluster::Start(Timed({.database_url = settings.database_url,
                            .broker_url = settings.broker_url,
                            .programs_folder = ProgramsFolder()},
                           static_cast<std::int64_t>(orders.size()))));
  STELE_ASSIGN_OR_RETURN(Stores stores, OpenStores(cluster->database_url()));
  STELE_ASSIGN_OR_RETURN(const Placing placing,
                         Place(*stores.orders, orders, settings));
  STELE_RETURN_IF_ERROR(cluster->CheckAlive());
  STELE_RETURN_IF_ERROR(AwaitRest(stores, placing.placed, absl::Minutes(3)));
  STELE_RETURN_IF_ERROR(
      PrintTotals(stores, orders.size(), placing, absl::Now() - began));
  STELE_ASSIGN_OR_RETURN(const bool as_expected,
                         Verify(stores, orders, placing, settings));
  STELE_RETURN_IF_ERROR(cluster->CheckAlive());
  PrintWhereToLook(*cluster, settings.keep);
  STELE_RETURN_IF_ERROR(cluster->Stop());
  return as_expected;
}

// As every command of the house ends: see `stele --help`.
int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 2;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kNotFound:  // A server that is not installed.
      return 3;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return 4;
    case absl::StatusCode::kDeadlineExceeded:
      return 6;
    default:
      return 1;
  }
}

int Main(int argc, const char* const* argv) {
  Settings settings;
  stele::Config config(
      "orders-demo",
      "Runs the orders sample: orders are placed, paid, shipped, refused, "
      "cancelled\nor compensated, and the books are checked at the end.");
  Declare(config, settings);
  if (absl::Status parsed = config.Parse(argc, argv); !parsed.ok()) {
    const bool is_help = absl::IsCancelled(parsed);
    (is_help ? std::cout : std::cerr) << parsed.message() << "\n";
    return is_help ? 0 : 2;
  }
  stele::SetLogLevel(stele::LogLevel::kWarning);
  const absl::StatusOr<bool> done = Run(settings);
  if (!done.ok()) {
    std::cout << std::flush;
    std::cerr << "orders-demo: " << done.status().message() << "\n";
    return ExitCodeOf(done.status());
  }
  return *done ? 0 : 1;
}

}  // namespace
}  // namespace orders

int main(int argc, char** argv) { return orders::Main(argc, argv); }
