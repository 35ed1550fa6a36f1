#ifndef STELE_RUNTIME_SRC_STOP_SIGNALS_H_
#define STELE_RUNTIME_SRC_STOP_SIGNALS_H_

#include <signal.h>

#include <atomic>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace stele {

// SIGTERM and SIGINT, held back from all threads but one that waits for them.
// At first they end the process at once, with exit code 0 and whatever it is
// at left undone; from TakeOver() on they are for whoever waits.
//
// Made before any other thread, which inherit that they are held back. They
// stay so. Thread-safe.
class StopSignals {
 public:
  explicit StopSignals(std::string service);
  ~StopSignals();

  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // From now on signals no longer end the process.
  void TakeOver();

  // REQUIRES for the rest: TakeOver().

  // The first signal, once there is one.
  int Wait();
  // Returns early when there is another one.
  void WaitAtMost(absl::Duration wait);

 private:
  void Loop();
  void Take(int signal);

  const std::string service_;
  sigset_t set_;
  absl::Mutex mutex_;
  bool is_taken_over_ ABSL_GUARDED_BY(mutex_) = false;
  int first_ ABSL_GUARDED_BY(mutex_) = 0;  // 0 = none yet.
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<bool> is_ending_ = false;
  std::thread thread_;
};

}  // namespace stele

#endif  // STELE_RUNTIME_SRC_STOP_SIGNALS_H_
