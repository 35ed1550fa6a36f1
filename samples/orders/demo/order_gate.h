#ifndef ORDERS_DEMO_ORDER_GATE_H_
#define ORDERS_DEMO_ORDER_GATE_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "demo/place.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_storage.h"

namespace orders {

// How many fulfilments have ended, well or badly.
absl::StatusOr<std::int64_t> CountEnded(stele::SagaStorage& sagas);

// Lets orders in while fewer than `open_most` are on their way, so that how
// long one takes does not depend on how many come after it. When none has ended
// for a minute it lets everybody in: something is wrong, and whoever waits for
// the orders' end will tell.
class OrderGate : public Gate {
 public:
  // Counts only what ends from now on. `store` must outlive it.
  static absl::StatusOr<std::unique_ptr<OrderGate>> Create(
      stele::EventStore& store, std::int64_t open_most);

  void AwaitRoom() override;
  void NotTaken() override;

 private:
  OrderGate(std::shared_ptr<stele::SagaStorage> sagas, std::int64_t open_most,
            std::int64_t ended);

  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<stele::SagaStorage> sagas_;
  const std::int64_t open_most_;

  absl::Mutex mutex_;
  absl::CondVar counted_;
  // Let in and not known to have ended: `let_in_` - `ended_`.
  std::int64_t let_in_ ABSL_GUARDED_BY(mutex_);
  std::int64_t ended_ ABSL_GUARDED_BY(mutex_);
  absl::Time counted_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time moved_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace orders

#endif  // ORDERS_DEMO_ORDER_GATE_H_
