#ifndef STELE_RUNTIME_SERVICE_H_
#define STELE_RUNTIME_SERVICE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "stele/eventstore/event_store.h"
#include "stele/runtime/config.h"
#include "stele/runtime/prometheus_metrics.h"
#include "stele/runtime/runtime.h"

namespace stele {

// What every service needs to be told. Defaults are for a real deployment.
struct ServiceSettings {
  std::string database_url = {};  // Required.
  std::string schema = "stele";
  std::string service = {};     // Empty = the program's name.
  std::string broker_url = {};  // "nats://host:4222"; empty = no broker.
  std::string http_address = "127.0.0.1:9464";  // Empty = no endpoint.
  std::string log_level = "info";
  std::string log_format = "logfmt";  // Or "json".
  bool migrate = false;               // Bring the schema up to date first.
  std::int64_t append_connections = 2;
  std::int64_t read_connections = 2;
  std::int64_t sql_connections = 8;
  std::int64_t consumer_slots = 16;
  absl::Duration lease = absl::Seconds(10);
  absl::Duration stop_delay = absl::ZeroDuration();
  absl::Duration stop_grace = absl::Seconds(20);
};

// Declares the settings above with their flags, bounds and help.
void AddServiceSettings(Config& config, ServiceSettings& settings);

// Runs a service from start to end, the way all of ours should: parses
// `config`, sets up logs and metrics, serves HTTP, opens the store (migrating
// it when asked), has `compose` add the parts, starts them, and on SIGTERM or
// SIGINT stops gracefully: readiness falls first, for `stop_delay`, then
// current work is finished and leases are released. Before its parts are
// started, such a signal ends the process at once, also in the middle of the
// migrations, which are one transaction. The HTTP endpoint answers from before
// the migrations, which may take or wait long, until the end.
//
// Returns the exit code for main(): 0 stopped as asked, 2 wrong settings, 3
// database unreachable at the start (a broker that is away is waited for), 4
// refused (schema missing, too new or another service's, a right missing, HTTP
// port taken), 5 something did not stop in time, 70 anything else. What went
// wrong is on standard error, in the form of the log.
int RunService(int argc, const char* const* argv, Config& config,
               ServiceSettings& settings,
               const std::function<absl::Status(Runtime&)>& compose);

// Sends log lines of at least `level` to standard error, as `format`: "logfmt",
// or "json" with one object a line. What the protobuf library has to say goes
// the same way. kInvalidArgument for words it does not know.
absl::Status ConfigureLogging(const std::string& level,
                              const std::string& format);

}  // namespace stele

#endif  // STELE_RUNTIME_SERVICE_H_
