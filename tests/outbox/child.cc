// A service process for the kill tests: relays, or handles, until it is told to
// stop by SIGTERM.
//
//   outbox_child relay|inbox <dsn> <schema> <NATS url> <stream> <owner>

#include <cstdio>
#include <memory>
#include <pqxx/pqxx>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/outbox/brokers/nats.h"
#include "stele/outbox/inbox.h"
#include "stele/outbox/relay.h"
#include "tests/outbox/failpoints.h"
#include "tests/outbox/support.h"
#include "tests/support/until_told.h"

namespace stele::testing {
namespace {

struct Arguments {
  std::string mode;
  std::string dsn;
  std::string schema;
  std::string url;
  std::string stream;
  std::string owner;
};

absl::Status Relays(EventStore& store, Broker& broker,
                    const Arguments& arguments) {
  RelayOptions options;
  options.source = "/tests";
  options.batch_events_max = 20;
  options.slots = 8;
  options.lease = absl::Seconds(1);
  options.retry = {absl::Milliseconds(5), absl::Milliseconds(100)};
  STELE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Relay> relay,
      Relay::Create(store, broker, RelayRoutes().Add<Happened>(), options,
                    arguments.owner));
  return RunUntilTold(*relay);
}

absl::Status Handles(EventStore& store, Broker& broker,
                     const Arguments& arguments) {
  InboxOptions options;
  options.name = "tests";
  options.topics = {"test"};
  options.fetch_messages_max = 20;
  options.lease = absl::Seconds(1);
  options.trouble = {absl::Milliseconds(5), absl::Milliseconds(100)};
  options.park_backoff = {absl::Milliseconds(50), absl::Milliseconds(200)};
  STELE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Inbox> inbox,
      Inbox::Create(store, broker, options, arguments.owner));
  inbox->On<Happened>([&](Transaction& tx,
                          const Inbound<Happened>& event) -> absl::Status {
    // Nothing but the inbox keeps this from happening twice.
    tx.sql()->exec_params(absl::StrCat("INSERT INTO ", arguments.schema,
                                       ".effects (key, what) VALUES ($1, $2)"),
                          event.stream_id(), event->value());
    tx.OnCommit([] { HitFailpoint("committed"); });
    HitFailpoint("in_commit");
    return absl::OkStatus();
  });
  return RunUntilTold(*inbox);
}

absl::Status Main(const Arguments& arguments) {
  PostgresEventStoreOptions store_options;
  store_options.dsn = arguments.dsn;
  store_options.schema = arguments.schema;
  store_options.call_timeout = absl::Seconds(5);
  absl::StatusOr<std::unique_ptr<EventStore>> store =
      OpenPostgresEventStore(store_options);
  // The database may be down right now; whoever starts us would try again too.
  for (int i = 0; i < 600 && absl::IsUnavailable(store.status()); ++i) {
    absl::SleepFor(absl::Milliseconds(50));
    store = OpenPostgresEventStore(store_options);
  }
  STELE_RETURN_IF_ERROR(store);

  NatsOptions nats;
  nats.url = arguments.url;
  nats.stream = arguments.stream;
  nats.subject_prefix = arguments.stream;
  nats.ack_wait = absl::Seconds(1);
  nats.ack_timeout = absl::Seconds(2);
  nats.connect_timeout = absl::Seconds(1);
  STELE_ASSIGN_OR_RETURN(const std::unique_ptr<Broker> broker,
                         MakeNatsBroker(nats));
  const auto failing_broker = WithFailpoints(*broker);
  const auto failing_store = WithFailpoints(**store);
  return arguments.mode == "relay"
             ? Relays(*failing_store, *failing_broker, arguments)
             : Handles(**store, *failing_broker, arguments);
}

}  // namespace
}  // namespace stele::testing

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: %s relay|inbox DSN SCHEMA URL STREAM OWNER\n",
                 argv[0]);
    return 2;
  }
  stele::testing::BlockSigterm();
  const absl::Status ended = stele::testing::Main(
      {argv[1], argv[2], argv[3], argv[4], argv[5], argv[6]});
  if (ended.ok()) return 0;
  std::fprintf(stderr, "%s\n", ended.ToString().c_str());
  return 1;
}
