// orders-demo: the orders sample from end to end, on servers of its own.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "demo/demo.h"
#include "demo/describe.h"
#include "demo/keep.h"
#include "demo/order_gate.h"
#include "demo/progress.h"
#include "demo/report.h"
#include "demo/settings.h"
#include "orders/order_decider.h"
#include "orders/stock_decider.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace orders {
namespace {

// Orders that are on their way at a time, at most.
constexpr std::int64_t kOpenOrders = 200;

std::string ProgramsFolder() {
  char path[PATH_MAX] = {};
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path - 1);
  const std::string self(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return self.substr(0, self.rfind('/'));
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
  STELE_RETURN_IF_ERROR(CheckNoneIsAnother(store, orders));
  auto dispatcher = stele::MakeDispatcher(store, {.conflict_retries_max = 50});
  STELE_RETURN_IF_ERROR(
      dispatcher->Add(stele::MakeAggregateType<OrderDecider>()));
  STELE_RETURN_IF_ERROR(
      dispatcher->Add(stele::MakeAggregateType<StockDecider>()));
  STELE_RETURN_IF_ERROR(
      FillWarehouse(*dispatcher, StockFor(orders), BatchFor(orders)));
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

ClusterOptions OptionsOf(const Settings& settings, std::int64_t orders) {
  return Timed({.database_url = settings.database_url,
                .broker_url = settings.broker_url,
                .database_source = settings.database_source,
                .broker_source = settings.broker_source,
                .schemas = SchemasFor(settings),
                .programs_folder = ProgramsFolder()},
               orders);
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

// One word for a shell.
std::string ShellWord(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// Given with the command, not exported: the next demo must not use a database
// that is gone.
void KeepRunning(const Cluster& cluster, const Settings& settings) {
  EndOfKeep end;
  const bool is_ours = settings.database_url.empty();
  const std::string shown =
      is_ours ? cluster.database_url() : settings.shown_database_url;
  std::cout << "\nStill running, " << end.How() << "\n"
            << "  database  " << shown << "\n"
            << "  broker    " << cluster.broker_url() << "\n"
            << "  logs      " << cluster.folder() << "\n"
            << "  try       " << SteleProgram() << " --schema "
            << cluster.schemas().orders << " --database-url "
            << ShellWord(shown) << " sagas list" << std::endl;
  end.Await();
}

void PrintWhereToLook(bool keep) {
  std::cout
      << "\nWhere to look next\n"
         "  samples/orders/README.md             what you have just seen\n"
         "  samples/orders/orders/order.proto    the model, all of it\n"
         "  samples/orders/orders/fulfilment.cc  the saga\n"
         "  docs/start.md                        your own first aggregate\n";
  if (keep) return;
  std::cout << "  ./dev demo --keep                    the same, left "
               "running to look into\n";
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
  STELE_RETURN_IF_ERROR(CompareSummaries(stores, books));
  STELE_RETURN_IF_ERROR(CompareSales(stores, books));
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
  STELE_RETURN_IF_ERROR(CompareSummaries(stores, books));
  std::cout << "  " << comparison << "\n";
  return as_expected;
}

absl::Status PrintCourse(Stores& stores, absl::Duration took) {
  STELE_ASSIGN_OR_RETURN(const std::int64_t orders_head, stores.orders->Head());
  STELE_ASSIGN_OR_RETURN(const std::int64_t payments_head,
                         stores.payments->Head());
  std::cout << "All came to rest after "
            << absl::FormatDuration(absl::Trunc(took, absl::Milliseconds(100)))
            << ".\nThe orders service's log ends at position " << orders_head
            << ", the payments service's at " << payments_head << ".\n";
  return absl::OkStatus();
}

absl::StatusOr<bool> Run(const Settings& settings) {
  std::cerr << DatabaseNotice(settings);
  STELE_ASSIGN_OR_RETURN(const std::vector<OrderInput> orders,
                         ReadInput(settings, ProgramsFolder()));
  if (!settings.save_input.empty()) {
    STELE_RETURN_IF_ERROR(Save(settings.save_input, orders));
  }
  const auto sent = static_cast<std::int64_t>(orders.size());
  const absl::Time began = absl::Now();
  std::cerr << "Starting "
            << (settings.database_url.empty() ? "a PostgreSQL server, " : "")
            << (settings.broker_url.empty() ? "a NATS server, " : "")
            << "orders-service, orders-relay and payments-service ...\n";
  STELE_ASSIGN_OR_RETURN(auto cluster,
                         Cluster::Start(OptionsOf(settings, sent)));
  STELE_ASSIGN_OR_RETURN(Stores stores, OpenStores(*cluster));
  STELE_ASSIGN_OR_RETURN(const Placing placing,
                         Place(*stores.orders, orders, settings));
  STELE_RETURN_IF_ERROR(cluster->CheckAlive());
  STELE_RETURN_IF_ERROR(AwaitRest(stores, placing.placed, absl::Minutes(3)));
  PrintTotals(sent, placing);
  STELE_RETURN_IF_ERROR(PrintCourse(stores, absl::Now() - began));
  STELE_ASSIGN_OR_RETURN(const bool as_expected,
                         Verify(stores, orders, placing, settings));
  STELE_RETURN_IF_ERROR(cluster->CheckAlive());
  PrintWhereToLook(settings.keep);
  if (settings.keep) KeepRunning(*cluster, settings);
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

int Fail(const absl::Status& status) {
  std::cout << std::flush;
  std::cerr << "orders-demo: " << status.message() << "\n";
  return ExitCodeOf(status);
}

// `code`, unless what was printed did not arrive.
int EndWith(int code) {
  errno = 0;
  std::cout << std::flush;
  const bool is_written =
      std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  if (is_written || code != 0) return code;
  return Fail(absl::InternalError(absl::StrCat(
      "standard output could not be written",
      errno == 0 ? "" : absl::StrCat(": ", std::strerror(errno)))));
}

std::optional<std::string> RealEnvironment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

int Main(int argc, const char* const* argv) {
  const auto settings = ParseSettings(argc, argv, RealEnvironment);
  if (absl::IsCancelled(settings.status())) {
    std::cout << settings.status().message() << "\n";
    return EndWith(0);
  }
  if (!settings.ok()) return Fail(settings.status());
  stele::SetLogLevel(stele::LogLevel::kWarning);
  const absl::StatusOr<bool> done = Run(*settings);
  if (!done.ok()) return Fail(done.status());
  return EndWith(*done ? 0 : 1);
}

}  // namespace
}  // namespace orders

int main(int argc, char** argv) { return orders::Main(argc, argv); }
