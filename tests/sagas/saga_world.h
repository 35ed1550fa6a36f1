#ifndef STELE_TESTS_SAGAS_SAGA_WORLD_H_
#define STELE_TESTS_SAGAS_SAGA_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_admin.h"
#include "stele/sagas/saga_engine.h"
#include "stele/sagas/saga_storage.h"
#include "stele/sagas/saga_type.h"
#include "stele/testing/fake_clock.h"

namespace stele::testing {

// A dispatcher with the rules of the bank and of the trips.
std::unique_ptr<AggregateDispatcher> MakeWorldDispatcher(EventStore& store);

// What must outlive a crash when the log is read without a Consumer: how far it
// has been handled. Moved when the transaction of a batch commits.
struct Checkpoint {
  std::int64_t position = 0;
};

// Runs a saga's engine by hand, on the thread of the test: reads the log, hands
// it over in batches, commits. Deterministic, unlike a Consumer.
class HandDriver {
 public:
  // `store` is what the engine and its commands work on; all must outlive this.
  HandDriver(const SagaType& type, EventStore& store, SagaStorage& storage,
             Checkpoint& checkpoint, SagaEngineOptions options = {});

  // Until there is nothing left to handle, due timers included. The first
  // error ends it, as a crash would.
  absl::Status RunUntilIdle(int batch_events_max = 500);

  // One batch; false if there was nothing to handle.
  absl::StatusOr<bool> RunOnce(int batch_events_max);

  // Takes up the timers that are due.
  absl::Status Tick();

  Dispatcher& dispatcher() { return *dispatcher_; }
  BatchHandler& engine() { return *engine_; }

 private:
  EventStore& store_;
  Checkpoint& checkpoint_;
  ConsumerOptions consumer_;
  std::unique_ptr<AggregateDispatcher> dispatcher_;
  std::unique_ptr<BatchHandler> engine_;
  std::vector<int> slots_;
};

// The events of some types, in log order: "SeatBooked leg-a".
std::vector<std::string> StoryOf(EventStore& store,
                                 const std::vector<std::string>& types,
                                 std::int64_t after_position = 0);

// Sends a command of the test's own; fails the test if it is not accepted.
void Send(Dispatcher& dispatcher, const google::protobuf::Message& command);

}  // namespace stele::testing

#endif  // STELE_TESTS_SAGAS_SAGA_WORLD_H_
