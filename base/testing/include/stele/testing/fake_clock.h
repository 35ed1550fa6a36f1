#ifndef STELE_TESTING_FAKE_CLOCK_H_
#define STELE_TESTING_FAKE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stele/base/clock.h"

namespace stele::testing {

// A clock that stands still until it is told to move. Thread-safe.
class FakeClock final : public Clock {
 public:
  // Stands at 2026-01-01 00:00 UTC unless told otherwise.
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1767225600))
      : now_(now) {}

  absl::Time Now() override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  void Advance(absl::Duration step) {
    absl::MutexLock lock(&mutex_);
    now_ += step;
  }
  void Set(absl::Time now) {
    absl::MutexLock lock(&mutex_);
    now_ = now;
  }

 private:
  absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace stele::testing

#endif  // STELE_TESTING_FAKE_CLOCK_H_
