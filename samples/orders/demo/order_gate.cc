#include "demo/order_gate.h"

#include <utility>

#include "absl/time/clock.h"
#include "stele/base/status.h"

namespace orders {
namespace {

constexpr absl::Duration kCountEvery = absl::Milliseconds(50);
constexpr absl::Duration kPatience = absl::Minutes(1);

}  // namespace

absl::StatusOr<std::int64_t> CountEnded(stele::SagaStorage& sagas) {
  STELE_ASSIGN_OR_RETURN(const auto counts, sagas.Count());
  std::int64_t ended = 0;
  for (const stele::SagaRowCount& count : counts) {
    const bool has_ended = count.status == stele::SagaStatus::kCompleted ||
                           count.status == stele::SagaStatus::kCompensated;
    if (has_ended && count.saga == "OrderFulfilment") ended += count.instances;
  }
  return ended;
}

absl::StatusOr<std::unique_ptr<OrderGate>> OrderGate::Create(
    stele::EventStore& store, std::int64_t open_most) {
  STELE_ASSIGN_OR_RETURN(auto sagas, stele::OpenSagaStorage(store));
  STELE_ASSIGN_OR_RETURN(const std::int64_t ended, CountEnded(*sagas));
  return std::unique_ptr<OrderGate>(
      new OrderGate(std::move(sagas), open_most, ended));
}

OrderGate::OrderGate(std::shared_ptr<stele::SagaStorage> sagas,
                     std::int64_t open_most, std::int64_t ended)
    : sagas_(std::move(sagas)),
      open_most_(open_most),
      let_in_(ended),
      ended_(ended),
      moved_at_(absl::Now()) {}

void OrderGate::AwaitRoom() {
  absl::MutexLock lock(&mutex_);
  while (!HasRoom()) {
    // One of those who wait counts, the others are told.
    if (absl::Now() - counted_at_ >= kCountEvery) {
      CountAgain();
    } else {
      counted_.WaitWithTimeout(&mutex_, kCountEvery);
    }
  }
  ++let_in_;
}

void OrderGate::NotTaken() {
  absl::MutexLock lock(&mutex_);
  --let_in_;
  counted_.Signal();
}

bool OrderGate::HasRoom() const {
  return let_in_ - ended_ < open_most_ || absl::Now() - moved_at_ > kPatience;
}

void OrderGate::CountAgain() {
  counted_at_ = absl::Now();
  const auto ended = CountEnded(*sagas_);
  if (!ended.ok() || *ended == ended_) return;
  ended_ = *ended;
  moved_at_ = absl::Now();
  counted_.SignalAll();
}

}  // namespace orders
