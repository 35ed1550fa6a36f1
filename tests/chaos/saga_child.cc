// A service process for the kill test of sagas: moves money between accounts
// until it is told to stop by SIGTERM.
//
//   saga_child <dsn> <schema> <owner>

#include <cstdio>
#include <memory>
#include <string>

#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/status.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/sagas/saga_engine.h"
#include "tests/chaos/saga_kill_points.h"
#include "tests/model/bank_rules.h"
#include "tests/support/until_told.h"

namespace stele::testing {
namespace {

// Small batches, so that there is much to be killed in between.
ConsumerOptions OptionsFor(const SagaType& type,
                           const SagaEngineOptions& engine) {
  ConsumerOptions options = SagaConsumerOptions(type, engine);
  options.batch_events_max = 4;
  options.lease = absl::Milliseconds(600);
  // Whoever stands still is to lose its leases like one that is frozen.
  options.handle_time_max = absl::Milliseconds(1);
  options.retry = {absl::Milliseconds(5), absl::Milliseconds(50)};
  return options;
}

absl::Status Main(const std::string& dsn, const std::string& schema,
                  const std::string& owner) {
  STELE_ASSIGN_OR_RETURN(
      const std::unique_ptr<EventStore> store,
      OpenPostgresEventStore({.dsn = dsn,
                              .schema = schema,
                              .call_timeout = absl::Seconds(5),
                              .application_name = owner}));
  STELE_ASSIGN_OR_RETURN(const std::shared_ptr<SagaStorage> storage,
                         OpenSagaStorage(*store));
  const auto killable_store = WithSagaKillPoints(*store);
  const auto killable_storage = WithSagaKillPoints(*storage);
  const auto dispatcher = MakeDispatcher(*killable_store);
  STELE_RETURN_IF_ERROR(
      dispatcher->Add(MakeAggregateType<bank::AccountDecider>()));
  const auto killable = WithSagaKillPoints(*dispatcher, "bank.Refund");
  const SagaType type = MakeSagaType<bank::Transfers>();
  const SagaEngineOptions engine = {.slots = 8, .timers_per_tick_max = 2};
  STELE_ASSIGN_OR_RETURN(const auto handler,
                         MakeSagaEngine(type, *killable_store,
                                        *killable_storage, *killable, engine));
  STELE_ASSIGN_OR_RETURN(const auto consumer,
                         Consumer::Create(*killable_store, *handler,
                                          OptionsFor(type, engine), owner));
  return RunUntilTold(*consumer);
}

}  // namespace
}  // namespace stele::testing

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s DSN SCHEMA OWNER\n", argv[0]);
    return 2;
  }
  stele::testing::BlockSigterm();
  const absl::Status ended = stele::testing::Main(argv[1], argv[2], argv[3]);
  if (ended.ok()) return 0;
  std::fprintf(stderr, "%s\n", ended.ToString().c_str());
  return 1;
}
