#ifndef STELE_SAGAS_SAGA_ENGINE_H_
#define STELE_SAGAS_SAGA_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "stele/aggregates/dispatcher.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_storage.h"
#include "stele/sagas/saga_type.h"

namespace stele {

struct SagaEngineOptions {
  int slots = 16;  // Of the consumer, 1 to 1024: see ConsumerOptions.

  // Instances kept in memory between batches.
  int cached_instances_max = 10'000;  // 0 to 100'000'000.

  // Commands of different instances that are dispatched at the same time.
  int dispatches_max = 8;  // 1 to 64.

  // An instance that would take more steps than this is parked. 1 to 2^40.
  std::int64_t steps_max = 10'000;

  // Timers that are taken up in one go. 1 to 10'000.
  int timers_per_tick_max = 256;

  Metrics* metrics = nullptr;  // Must outlive the engine. Null = none.
};

// The consumer that a saga's engine is the handler of: "saga/<Name>", whose key
// is the instance's id.
ConsumerOptions SagaConsumerOptions(const SagaType& type,
                                    const SagaEngineOptions& options);

// Makes the handler that runs all instances of one saga:
//
//   auto engine = MakeSagaEngine(type, store, *storage, dispatcher, options);
//   auto consumer = Consumer::Create(
//       store, **engine, SagaConsumerOptions(type, options), owner);
//
// An instance takes one step for each input, in log order: an event that its
// routes lead to it, a rejection of a command it sent, a timer that ran out, an
// undo that was carried out or given up. A
// step is one event in the instance's stream "saga_<Name>-<id>", appended in
// the transaction that moves the checkpoint; it holds the state, the commands
// and the timers. The engine meets the step in the log again and dispatches its
// commands; their ids derive from the step, so that doing it again is harmless.
// A refusal, and an answer without events, is recorded by the aggregate before
// the saga acts on it, so that no late copy of the command takes effect after
// all; only the refusal of an undo is not, for undos are tried until they are
// accepted or given up.
//
// What is no step: input that was handled before, a second start, input of an
// instance that has ended, and events of an instance that was never started.
// These are counted (stele_saga_inputs_dropped_total) and dropped. An event
// whose route leads to an empty id is about no instance.
//
// An instance is parked, alone and with its cause, when its code throws, when a
// command of it cannot be carried out at all (no handler, unreadable bytes),
// when an undo is refused ("compensation_stuck"; SagaAdmin::SkipUndo() gives it
// up), or when its state cannot be read or has become too large. An event that
// cannot be read, or whose route leads to what can be no id, is parked under a
// key of its own.
//
// `store`, `storage` and `dispatcher` must outlive the handler.
//   kInvalidArgument  an option is out of bounds.
absl::StatusOr<std::unique_ptr<BatchHandler>> MakeSagaEngine(
    SagaType type, EventStore& store, SagaStorage& storage,
    Dispatcher& dispatcher, SagaEngineOptions options = {});

}  // namespace stele

#endif  // STELE_SAGAS_SAGA_ENGINE_H_
