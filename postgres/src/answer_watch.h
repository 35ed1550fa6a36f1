#ifndef STELE_POSTGRES_SRC_ANSWER_WATCH_H_
#define STELE_POSTGRES_SRC_ANSWER_WATCH_H_

#include <chrono>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace stele::postgres {

// Ends connections whose server is silent for too long. A blocking call of
// libpq's waits for its answer for ever; it returns once its socket is shut
// down, as if the server had closed it.
//
// Has one thread. Thread-safe.
class AnswerWatch {
 public:
  class Watched;

  AnswerWatch();
  ~AnswerWatch();  // All that it watched must be gone.
  AnswerWatch(const AnswerWatch&) = delete;
  AnswerWatch& operator=(const AnswerWatch&) = delete;

 private:
  // Not the time of the day, which may be set.
  using Clock = std::chrono::steady_clock;

  void Run();
  // Shuts down what is due, and returns when to look again.
  Clock::time_point ShutDownOverdue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  absl::CondVar changed_;
  absl::flat_hash_set<Watched*> watched_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point wakes_at_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// A connection under watch. Must go before its socket is closed.
//
// One thread at a time.
class AnswerWatch::Watched {
 public:
  // `watch` must outlive it.
  Watched(AnswerWatch& watch, int socket);
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // Shuts the connection down in `limit`, unless this is called again, or
  // Rest(), before. InfiniteDuration() is as Rest().
  void Expect(absl::Duration limit);
  void Rest() { Expect(absl::InfiniteDuration()); }

  // True iff it came to that.
  bool was_shut_down() const;

 private:
  friend class AnswerWatch;

  AnswerWatch& watch_;
  const int socket_;
  Clock::time_point due_;       // Guarded by the watch's mutex,
  bool was_shut_down_ = false;  // and so is this.
};

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_SRC_ANSWER_WATCH_H_
