#include "in_memory/core.h"

#include "absl/cleanup/cleanup.h"
#include "run_effects.h"

namespace stele::in_memory {

absl::Status Core::Writing(const std::function<absl::Status()>& work) {
  if (writer_.load() == std::this_thread::get_id()) {
    return absl::FailedPreconditionError(
        "the work of a transaction may not change the store but through it");
  }
  std::lock_guard<std::mutex> lock(writer_mutex_);
  writer_.store(std::this_thread::get_id());
  const absl::Cleanup no_writer = [this] { writer_.store(std::thread::id()); };
  return work();
}

void Core::Commit(const std::function<void(State&)>& change,
                  const std::vector<std::function<void()>>& effects) {
  std::int64_t head = 0;
  {
    std::lock_guard<std::recursive_mutex> lock(state_mutex_);
    change(state_);
    RunEffects(effects);
    head = state_.head();
  }
  absl::MutexLock lock(&head_mutex_);
  head_ = head;
}

absl::StatusOr<std::int64_t> Core::WaitForHead(std::int64_t position,
                                               absl::Time deadline) {
  absl::MutexLock lock(&head_mutex_);
  const std::int64_t interrupts = interrupts_;
  const auto is_over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(head_mutex_) {
    return head_ > position || interrupts_ != interrupts;
  };
  head_mutex_.AwaitWithDeadline(absl::Condition(&is_over), deadline);
  if (head_ <= position && interrupts_ != interrupts) {
    return absl::CancelledError("waiting for the head was interrupted");
  }
  return head_;
}

void Core::Interrupt() {
  absl::MutexLock lock(&head_mutex_);
  ++interrupts_;
}

}  // namespace stele::in_memory
