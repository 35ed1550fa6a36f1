// A process with projections of all kinds, to be killed: see
// projection_kill_test.cc.
#include <signal.h>

#include <atomic>
#include <iostream>
#include <pqxx/pqxx>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "stele/base/log.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/projections/projections.h"
#include "stele/runtime/config.h"
#include "tests/chaos/kill_model.h"
#include "tests/projections/bank_events.h"

namespace stele::chaos {
namespace {

using ::stele::testing::Paid;
using ::stele::testing::Took;

struct Settings {
  std::string dsn;
  std::string schema;
  std::string name;
  std::int64_t seed = 0;  // 0 = appends nothing.
  bool freeze = false;
};

void Wait(absl::Duration duration) {
  absl::Notification never;
  never.WaitForNotificationWithTimeout(duration);
}

// The row form, stopped between reading an event and its transaction.
ProjectionType FreezingBalances() {
  ProjectionType type = MakeProjectionType<bank::Balances>();
  for (ProjectionEvent& event : type.events) {
    if (event.type != EventTraits<bank::Deposited>::kType) continue;
    event.key_of = [key_of = event.key_of](const RecordedEvent& recorded) {
      static std::atomic<bool> has_stopped = false;
      bank::Deposited deposited;
      deposited.ParseFromString(recorded.payload);
      if (deposited.amount_cents() == kFreezingCents &&
          !has_stopped.exchange(true)) {
        raise(SIGSTOP);
      }
      return key_of(recorded);
    };
  }
  return type;
}

// Has each new table stop processes, too.
ProjectionType WithStops(ProjectionType type, const std::string& schema) {
  type.prepare = [schema](const SqlTarget& target) {
    target.tx().exec(absl::StrCat(
        "CREATE TRIGGER stop BEFORE INSERT OR UPDATE ON ", target.table(),
        " FOR EACH ROW EXECUTE FUNCTION ", StopFunction(schema)));
    return absl::OkStatus();
  };
  return type;
}

std::unique_ptr<Projections> Create(EventStore& store,
                                    const Settings& settings) {
  ProjectionsOptions options;
  options.process = settings.name;
  options.poll = absl::Milliseconds(20);
  options.lease = absl::Seconds(1);
  options.slots = 4;
  options.batch_events_max = 20;
  options.build_batch_events_max = 20;
  // Time to be killed in.
  options.switch_pause_max = absl::Seconds(5);
  options.switch_lock_timeout = absl::Seconds(5);
  while (true) {
    auto made = Projections::Create(
        store,
        {{WithStops(settings.freeze ? FreezingBalances()
                                    : MakeProjectionType<bank::Balances>(),
                    settings.schema)},
         {WithStops(MakeProjectionType<bank::Turnover>(), settings.schema)},
         {WithStops(MakeProjectionType<Touches>(), settings.schema), true}},
        options);
    if (made.ok()) return *std::move(made);
    Wait(absl::Milliseconds(20));
  }
}

// What fails, as some of it will, is not asked for again: only the log counts.
void AppendUntil(std::stop_token stop, EventStore& store, std::int64_t seed) {
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  while (!stop.stop_requested()) {
    const auto cents = static_cast<std::int64_t>(1 + random() % 100);
    const std::string transfer = absl::StrCat("t", random() % 8);
    const auto appended = testing::Append(
        store, absl::StrCat("acc", random() % 16),
        {random() % 3 == 0 ? Took(cents, transfer) : Paid(cents, transfer)});
    Wait(absl::Milliseconds(appended.ok() ? 4 : 20));
  }
}

int Main(int argc, const char* const* argv) {
  Settings settings;
  Config config("projection_victim", "Runs projections until it is killed.");
  config.Text("dsn", &settings.dsn, "The database.")
      .Text("schema", &settings.schema, "Of the store.")
      .Text("name", &settings.name, "Of this process.")
      .Number("seed", &settings.seed, 0, INT64_MAX, "Of appends; 0 = none.")
      .Flag("freeze", &settings.freeze, "Stop before marked deposits.");
  if (absl::Status parsed = config.Parse(argc, argv); !parsed.ok()) {
    std::cerr << parsed.message() << "\n";
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  PostgresEventStoreOptions options;
  options.dsn = settings.dsn;
  options.schema = settings.schema;
  options.application_name = settings.name;
  auto store = OpenPostgresEventStore(options);
  if (!store.ok()) {
    std::cerr << store.status() << "\n";
    return 1;
  }
  const auto projections = Create(**store, settings);
  std::atomic<bool> has_failed = false;
  {
    std::jthread runner([&](std::stop_token stop) {
      const absl::Status status = projections->Run(stop);
      if (status.ok()) return;
      std::cerr << "Run() ended by itself: " << status << "\n";
      has_failed = true;
    });
    std::jthread appender;
    if (settings.seed != 0) {
      appender = std::jthread([&](std::stop_token stop) {
        AppendUntil(stop, projections->store(), settings.seed);
      });
    }
    int signal = 0;
    sigwait(&signals, &signal);
  }
  return has_failed ? 1 : 0;
}

}  // namespace
}  // namespace stele::chaos

int main(int argc, char** argv) { return stele::chaos::Main(argc, argv); }
