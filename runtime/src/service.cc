#include "stele/runtime/service.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "service_pages.h"
#include "stele/base/invoke_user.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/outbox/broker.h"
#include "stele/postgres/connect_options.h"
#include "stele/postgres/identifier.h"
#include "stele/runtime/http_endpoint.h"
#include "stele/runtime/migrate.h"
#include "stop_signals.h"

namespace stele {
namespace {

enum Exit {
  kStopped = 0,
  kSettings = 2,
  kUnreachable = 3,
  kRefused = 4,
  kNotStopped = 5,
  kOther = 70
};

int ExitOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return kSettings;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kUnreachable;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kRefused;
    default:
      return kOther;
  }
}

// Says why the service ends, in the form of the log, and with what exit code.
int Fail(const std::string& program, const ServiceSettings& settings,
         const absl::Status& status, int exit) {
  if (settings.log_format == "json") {
    ConfigureLogging("error", "json").IgnoreError();  // Both are known words.
    Log(LogLevel::kError, "service failed",
        {{"service", program},
         {"error", std::string(status.message())},
         {"exit_code", absl::StrCat(exit)}});
    return exit;
  }
  std::string text;
  for (const auto line : absl::StrSplit(status.message(), '\n')) {
    absl::StrAppend(&text, program, ": ", line, "\n");
  }
  std::cerr << text << std::flush;
  return exit;
}

int Fail(const std::string& program, const ServiceSettings& settings,
         const absl::Status& status) {
  return Fail(program, settings, status, ExitOf(status));
}

// What differs from the defaults, and where it was said.
void LogSettings(const Config& config) {
  for (const std::string& warning : config.warnings()) {
    Log(LogLevel::kWarning, "setting ignored", {{"cause", warning}});
  }
  for (const Config::Origin& origin : config.origins()) {
    if (origin.source == "default") continue;
    Log(LogLevel::kInfo, "setting",
        {{"name", origin.name},
         {"value", origin.value},
         {"source", origin.source}});
  }
}

absl::StatusOr<std::shared_ptr<EventStore>> OpenStore(
    const ServiceSettings& settings, const std::string& program,
    Metrics& metrics, ServicePages& pages) {
  if (settings.migrate) {
    pages.SetStage("migrating");
    // Before another service's schema is brought to a version it cannot use.
    STELE_RETURN_IF_ERROR(CheckStoreService(settings.database_url,
                                            settings.schema, settings.service));
    STELE_RETURN_IF_ERROR(MigrateAll(settings.database_url, settings.schema));
  }
  pages.SetStage("opening the store");
  // Also of parts that are wired later: nothing is at work by then.
  STELE_RETURN_IF_ERROR(
      CheckAllMigrated(settings.database_url, settings.schema));
  PostgresEventStoreOptions options;
  options.dsn = settings.database_url;
  options.schema = settings.schema;
  options.service = settings.service;
  options.append_connections = static_cast<int>(settings.append_connections);
  options.read_connections = static_cast<int>(settings.read_connections);
  options.sql_connections = static_cast<int>(settings.sql_connections);
  options.application_name = program;
  options.metrics = &metrics;
  STELE_ASSIGN_OR_RETURN(auto store,
                         OpenPostgresEventStore(std::move(options)));
  return std::shared_ptr<EventStore>(std::move(store));
}

// Null if the service is to have none.
absl::StatusOr<std::unique_ptr<HttpEndpoint>> Listen(
    const ServiceSettings& settings, const ServicePages& pages) {
  if (settings.http_address.empty()) return nullptr;
  return HttpEndpoint::Listen(settings.http_address, pages.Handlers());
}

// From a signal to a stopped service.
int Stop(const std::string& program, const ServiceSettings& settings,
         StopSignals& signals, int signal, Runtime& runtime) {
  Log(LogLevel::kInfo, "service stopping",
      {{"service", program}, {"signal", absl::StrCat(signal)}});
  runtime.AnnounceStop();
  signals.WaitAtMost(settings.stop_delay);
  const absl::Status stopped = runtime.Stop(settings.stop_grace);
  if (!stopped.ok()) {
    // Its threads cannot be waited for any longer; what they hold expires.
    std::_Exit(Fail(program, settings, stopped, kNotStopped));
  }
  Log(LogLevel::kInfo, "service stopped", {{"service", program}});
  return kStopped;
}

// From an open store to a stopped service.
int Serve(const std::string& program, const ServiceSettings& settings,
          StopSignals& signals, std::shared_ptr<EventStore> store,
          PrometheusMetrics& metrics, ServicePages& pages,
          const std::string& http_port,
          const std::function<absl::Status(Runtime&)>& compose) {
  RuntimeOptions options;
  options.service = settings.service;
  options.consumer_slots = static_cast<int>(settings.consumer_slots);
  options.lease = settings.lease;
  options.metrics = &metrics;
  Runtime runtime(std::move(store), std::move(options));
  const absl::Status composed =
      InvokeUser("composing the service", [&] { return compose(runtime); });
  if (!composed.ok()) {
    return Fail(program, settings, composed);
  }
  pages.SetStage("stopped");  // Once there is no runtime any more.
  pages.SetRuntime(&runtime);
  const absl::Cleanup forget = [&] { pages.SetRuntime(nullptr); };
  if (absl::Status started = runtime.Start(); !started.ok()) {
    return Fail(program, settings, started);
  }
  signals.TakeOver();  // Before, there was nothing at work to be finished.
  Log(LogLevel::kInfo, "service started",
      {{"service", program}, {"http_port", http_port}});
  return Stop(program, settings, signals, signals.Wait(), runtime);
}

}  // namespace

void AddServiceSettings(Config& config, ServiceSettings& settings) {
  config
      .Url("database-url", &settings.database_url,
           "The database, as a libpq connection string or URI.", true)
      .Must(postgres::ValidateDsn)
      .Text("schema", &settings.schema, "The schema of this service's store.")
      .Must(postgres::ValidateSchemaName)
      .Text("service", &settings.service,
            "The service's name, which its store is kept under; the program's "
            "own if empty.")
      .Url("broker-url", &settings.broker_url,
           "The broker, nats://host:port; none if empty.")
      .Must([](const std::string& urls) {
        return urls.empty() ? absl::OkStatus() : ValidateBrokerUrls(urls);
      })
      .Text("http-address", &settings.http_address,
            "Where probes and metrics are served, address:port; none if empty.")
      .Must([](const std::string& address) {
        return address.empty() ? absl::OkStatus()
                               : HttpEndpoint::ValidateAddress(address);
      })
      .Choice("log-level", &settings.log_level,
              {"debug", "info", "warning", "error"},
              "The least that is logged.")
      .Choice("log-format", &settings.log_format, {"logfmt", "json"},
              "The form of log lines.")
      .Flag("migrate", &settings.migrate,
            "Bring the schema up to date before starting.")
      .Number("append-connections", &settings.append_connections, 1, 64,
              "Connections that append.")
      .Number("read-connections", &settings.read_connections, 1, 64,
              "Connections that read.")
      .Number("sql-connections", &settings.sql_connections, 1, 256,
              "Connections for transactions of projections, sagas and inboxes.")
      .Number("consumer-slots", &settings.consumer_slots, 1, 1024,
              "Parts into which a consumer's work is divided; fixed once used.")
      .Time("lease", &settings.lease, absl::Seconds(1), absl::Minutes(10),
            "How long a silent process keeps its part of the work.")
      .Time("stop-delay", &settings.stop_delay, absl::ZeroDuration(),
            absl::Minutes(10),
            "How long to go on, not ready, before stopping, so that load "
            "balancers notice.")
      .Time("stop-grace", &settings.stop_grace, absl::ZeroDuration(),
            absl::Minutes(10), "How long stopping may take.");
}

int RunService(int argc, const char* const* argv, Config& config,
               ServiceSettings& settings,
               const std::function<absl::Status(Runtime&)>& compose) {
  const std::string program = config.program();
  StopSignals signals(program);
  if (absl::Status parsed = config.Parse(argc, argv); !parsed.ok()) {
    if (absl::IsCancelled(parsed)) {
      std::cout << parsed.message();
      return kStopped;
    }
    return Fail(program, settings, parsed);
  }
  if (absl::Status set_up =
          ConfigureLogging(settings.log_level, settings.log_format);
      !set_up.ok()) {
    return Fail(program, settings, set_up);
  }
  LogSettings(config);
  if (settings.service.empty()) settings.service = program;
  PrometheusMetrics metrics;  // Outlives the store, which reports to it.
  ServicePages pages(program, metrics);
  // Answers from before the migrations until the very end, so that probes see
  // the service come and go.
  const auto endpoint = Listen(settings, pages);
  if (!endpoint.ok()) {
    return Fail(program, settings, endpoint.status(),
                absl::IsUnavailable(endpoint.status())
                    ? kRefused
                    : ExitOf(endpoint.status()));
  }
  auto store = OpenStore(settings, program, metrics, pages);
  if (!store.ok()) return Fail(program, settings, store.status());
  return Serve(
      program, settings, signals, *std::move(store), metrics, pages,
      *endpoint == nullptr ? "none" : absl::StrCat((*endpoint)->port()),
      compose);
}

}  // namespace stele
