#ifndef STELE_EVENTSTORE_SRC_CONSUMERS_PROGRESS_H_
#define STELE_EVENTSTORE_SRC_CONSUMERS_PROGRESS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stele/base/clock.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/consumer.h"

namespace stele {

// What the world sees of a consumer: its snapshot and its metrics.
//
// Thread-safe.
class ConsumerProgress {
 public:
  ConsumerProgress(Metrics& metrics, const std::string& consumer, Clock& clock);

  ConsumerActivity Snapshot() const;

  void SetRunning(bool is_running);
  void SetSlots(int slots);
  void SetParkedKeys(std::int64_t keys);
  void SetStuck(bool is_stuck);
  // Empty = it does not. True iff it begins to yield.
  bool SetWhyItYields(const std::string& why);

  // A batch was committed; `newest` is when its last event was recorded.
  void Handled(std::int64_t events, absl::Time newest);
  // Everything up to `position` is dealt with; the log goes up to `head`.
  void CameTo(std::int64_t position, std::int64_t head);
  void Failed(const absl::Status& error);
  // A turn succeeded, but for what still fails beside it, if anything does.
  void Succeeded(const absl::Status& still);

 private:
  Clock& clock_;
  Gauge& position_;
  Gauge& lag_events_;
  Gauge& lag_seconds_;
  Gauge& parked_keys_;
  Gauge& slots_held_;
  Gauge& stuck_;
  Gauge& yields_;
  Counter& events_total_;
  Counter& batches_total_;
  Counter& errors_total_;

  mutable absl::Mutex mutex_;
  ConsumerActivity snapshot_ ABSL_GUARDED_BY(mutex_);
  absl::Time newest_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_CONSUMERS_PROGRESS_H_
