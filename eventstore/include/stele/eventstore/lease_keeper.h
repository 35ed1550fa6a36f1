#ifndef STELE_EVENTSTORE_LEASE_KEEPER_H_
#define STELE_EVENTSTORE_LEASE_KEEPER_H_

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stele/base/clock.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele {

struct LeaseKeeperOptions {
  std::string consumer = {};
  ConsumerOwner owner = {};  // Whose leases are renewed.
  absl::Duration lease = absl::Seconds(10);
  // Work that takes longer is taken to hang.
  absl::Duration handle_time_max = absl::Minutes(10);
  // Told, on the thread of the keeper, why the work hangs; and, on that of the
  // work, OK when it goes on or the keeper stops. Must not call the keeper.
  std::function<void(const absl::Status&)> on_stuck = nullptr;
};

// Renews the leases of an owner while its own thread is at work, from a thread
// of its own: neither a slow handler nor a long read loses them. Takes and
// gives up nothing, which is for the owner to do between its pieces of work.
//
// Who must lose them, does: a process that is frozen is frozen with this
// thread, and for a handler that hangs nothing is renewed after
// `handle_time_max`.
//
// Thread-safe but for Start() and Stop().
class LeaseKeeper {
 public:
  // `storage` and `clock` must outlive it.
  LeaseKeeper(ConsumerStorage& storage, LeaseKeeperOptions options,
              Clock& clock);
  ~LeaseKeeper() { Stop(); }

  // Renews nothing before the first Renewed().
  void Start();
  // Afterwards nothing is renewed any more. Harmless if not started.
  void Stop();

  // The owner is alive: it begins a turn, or calls its handler.
  void BeginWork();

  // The owner has just renewed all that it holds.
  void Renewed();

 private:
  using SteadyClock = std::chrono::steady_clock;

  void Run();
  // False if stopped meanwhile.
  bool WaitUntilDue();
  void RenewIfAlive();
  // True iff the work hangs; says so once, and once when it goes on.
  bool IsStuck();
  // Notes it, and tells it if it is news, which it returns.
  bool TellStuck(bool is_stuck, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetDueIn(absl::Duration wait);

  ConsumerStorage& storage_;
  const LeaseKeeperOptions options_;
  Clock& clock_;

  std::thread thread_;
  absl::Mutex mutex_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stuck_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time work_began_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  SteadyClock::time_point due_ ABSL_GUARDED_BY(mutex_) =
      SteadyClock::time_point::max();
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_LEASE_KEEPER_H_
