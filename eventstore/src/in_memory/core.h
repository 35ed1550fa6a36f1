#ifndef STELE_EVENTSTORE_SRC_IN_MEMORY_CORE_H_
#define STELE_EVENTSTORE_SRC_IN_MEMORY_CORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "in_memory/state.h"
#include "stele/base/clock.h"

namespace stele::in_memory {

// The committed state and the two locks around it. One writer at a time holds
// the right to change it for as long as its transaction takes; readers only
// wait for the moment of the commit itself.
//
// Thread-safe.
class Core {
 public:
  explicit Core(Clock& clock) : clock_(clock) {}

  absl::Time Now() { return clock_.Now(); }

  // Runs `read` on the committed state, which it must not change.
  template <typename Read>
  auto Reading(Read&& read) {
    std::lock_guard<std::recursive_mutex> lock(state_mutex_);
    return read(std::as_const(state_));
  }

  // Runs `work` as the only writer. Refused on a thread that is already one:
  // the work of a transaction may not begin another.
  absl::Status Writing(const std::function<absl::Status()>& work);

  // What only the writer may look at without the state's lock.
  const State& committed() const { return state_; }

  // Changes the state and runs `effects` before anybody can see the change.
  // Only for the writer.
  void Commit(const std::function<void(State&)>& change,
              const std::vector<std::function<void()>>& effects = {});

  // See EventStore.
  absl::StatusOr<std::int64_t> WaitForHead(std::int64_t position,
                                           absl::Time deadline);
  void Interrupt();

 private:
  Clock& clock_;

  std::mutex writer_mutex_;
  std::atomic<std::thread::id> writer_{};

  // Recursive, because effects of a commit may read.
  std::recursive_mutex state_mutex_;
  State state_;

  absl::Mutex head_mutex_;
  std::int64_t head_ ABSL_GUARDED_BY(head_mutex_) = 0;
  std::int64_t interrupts_ ABSL_GUARDED_BY(head_mutex_) = 0;
};

}  // namespace stele::in_memory

#endif  // STELE_EVENTSTORE_SRC_IN_MEMORY_CORE_H_
