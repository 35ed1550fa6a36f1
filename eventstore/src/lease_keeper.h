#ifndef STELE_EVENTSTORE_SRC_LEASE_KEEPER_H_
#define STELE_EVENTSTORE_SRC_LEASE_KEEPER_H_

#include <chrono>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "consumer_progress.h"
#include "stele/base/clock.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele {

// Renews the leases of a consumer while its own thread is at work, from a
// thread of its own: neither a slow handler nor a long read loses them. Takes
// and gives up nothing, which is for the consumer to do between batches.
//
// Who must lose them, does: a process that is frozen is frozen with this
// thread, and for a handler that hangs nothing is renewed after
// `handle_time_max`.
//
// Thread-safe but for Start() and Stop().
class LeaseKeeper {
 public:
  // All but `owner` must outlive it.
  LeaseKeeper(ConsumerStorage& storage, const ConsumerOptions& options,
              std::string owner, Clock& clock, ConsumerProgress& progress);
  ~LeaseKeeper() { Stop(); }

  // Renews nothing before the first Renewed().
  void Start();
  // Afterwards nothing is renewed any more. Harmless if not started.
  void Stop();

  // The consumer is alive: it begins a turn, or calls its handler.
  void BeginWork();

  // The consumer has just renewed all that it holds.
  void Renewed();

 private:
  using SteadyClock = std::chrono::steady_clock;

  void Run();
  // False if stopped meanwhile.
  bool WaitUntilDue();
  void RenewIfAlive();
  // True iff the consumer hangs; says so once, and once when it goes on.
  bool IsStuck();
  void SetDueIn(absl::Duration wait);

  ConsumerStorage& storage_;
  const ConsumerOptions& options_;
  const std::string owner_;
  Clock& clock_;
  ConsumerProgress& progress_;

  std::thread thread_;
  absl::Mutex mutex_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stuck_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time work_began_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  SteadyClock::time_point due_ ABSL_GUARDED_BY(mutex_) =
      SteadyClock::time_point::max();
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_LEASE_KEEPER_H_
