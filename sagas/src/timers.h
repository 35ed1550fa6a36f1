#ifndef STELE_SAGAS_SRC_TIMERS_H_
#define STELE_SAGAS_SRC_TIMERS_H_

#include <chrono>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine_metrics.h"
#include "instance_cache.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_storage.h"
#include "stele/sagas/saga_type.h"

namespace stele::sagas_internal {

// Takes up timers that are due: in one transaction the row goes and a record
// comes into the instance's stream. The step follows when the record is met in
// the log, after all that stood there before, so that a time-out does not beat
// an event that was in time; and the user's code fails, if it does, where
// failures are parked. The row is the only right to fire: whoever takes it, be
// it a late owner of the slot, records the timer once.
//
// Not thread-safe: one thread at a time.
class TimerWatch {
 public:
  // All must outlive it.
  TimerWatch(const SagaType& type, EventStore& store, SagaStorage& storage,
             int limit)
      : type_(type), store_(store), storage_(storage), limit_(limit) {}

  // `cache` learns the new versions of the streams.
  absl::Status TakeUpDue(std::span<const int> slots, InstanceCache& cache,
                         EngineMetrics& metrics);

  // A timer has been set that is due `after` from now.
  void ExpectWithin(absl::Duration after);
  // There may be timers that this does not know of.
  void Hurry() { ask_at_ = {}; }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  absl::Status TakeUp(std::span<const SagaTimerRow> timers,
                      InstanceCache& cache);
  absl::Status TakeUpOneByOne(std::span<const SagaTimerRow> timers,
                              InstanceCache& cache);

  const SagaType& type_;
  EventStore& store_;
  SagaStorage& storage_;
  const int limit_;
  SteadyTime ask_at_{};  // Nothing is due before.
};

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_TIMERS_H_
