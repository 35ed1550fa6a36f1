#include "stele/eventstore/subscription.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "consumers/engine.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/base/invoke_user.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele {
namespace {

// How long one wait for the head may take; Stop() does not wait for its end.
constexpr absl::Duration kWaitForHead = absl::Seconds(1);

class FollowingThread final : public Subscription {
 public:
  FollowingThread(EventStore& store, SubscribeOptions options,
                  std::function<absl::Status(const RecordedEvent&)> handle)
      : store_(store),
        options_(std::move(options)),
        handle_(std::move(handle)),
        epoch_(options_.epoch),
        position_(options_.after_position),
        thread_([this] { Follow(); }) {}

  // Whoever wants to know how it ended calls Stop().
  ~FollowingThread() override { Stop().IgnoreError(); }

  std::int64_t position() const override { return position_.load(); }

  bool has_ended() const override {
    absl::MutexLock lock(&mutex_);
    return has_ended_;
  }

  absl::Status Stop() override {
    {
      absl::MutexLock lock(&mutex_);
      is_stopping_ = true;
    }
    // From within `handle`: the thread ends by itself when that returns.
    if (std::this_thread::get_id() == follower_.load()) {
      return absl::OkStatus();
    }
    AwaitEnd();
    absl::MutexLock lock(&join_mutex_);
    if (thread_.joinable()) thread_.join();
    absl::MutexLock result_lock(&mutex_);
    return result_;
  }

 private:
  // An interrupt only wakes who waits already, so it is repeated.
  void AwaitEnd() {
    while (true) {
      store_.Interrupt();
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&has_ended_),
                                  absl::Milliseconds(10))) {
        return;
      }
    }
  }

  bool IsStopping() {
    absl::MutexLock lock(&mutex_);
    return is_stopping_;
  }

  void Follow() {
    follower_.store(std::this_thread::get_id());
    Backoff backoff;
    absl::Status result;
    while (!IsStopping()) {
      bool is_final = false;
      const absl::Status status = FollowOnce(is_final);
      if (status.ok()) {
        backoff.Reset();
        continue;
      }
      if (is_final || !IsTransient(status)) {
        Log(LogLevel::kError, "subscription has ended",
            {{"error", status.ToString()}});
        result = status;
        break;
      }
      Log(LogLevel::kWarning, "subscription will try again",
          {{"error", status.ToString()}});
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&is_stopping_), backoff.Next());
    }
    absl::MutexLock lock(&mutex_);
    result_ = result;
    has_ended_ = true;
  }

  // OK if the log is still the one that `position_` is of. What is read before
  // this is asked belongs to it.
  absl::Status CheckEpoch() {
    STELE_ASSIGN_OR_RETURN(const Uuid epoch, store_.Epoch());
    if (!epoch_.has_value()) epoch_ = epoch;
    if (*epoch_ == epoch) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(
        "subscription at position ", position_.load(), " of the log ",
        epoch_->ToString(), ": it is the log ", epoch.ToString(),
        " now, which may have gone back; see \"After a restore\" in "
        "docs/operating/failures.md"));
  }

  // Reads a page or waits. Sets `is_final` if it was `handle` that failed.
  absl::Status FollowOnce(bool& is_final) {
    STELE_RETURN_IF_ERROR(CheckEpoch());
    bool is_stopped = false;
    const absl::StatusOr<LogProgress> progress =
        store_.ReadLog({.after_position = position_.load(),
                        .limit = options_.page_events_max,
                        .categories = options_.categories,
                        .types = options_.types},
                       [&](const RecordedEvent& event) -> absl::Status {
                         is_stopped = IsStopping();
                         if (is_stopped) return absl::CancelledError("stopped");
                         STELE_RETURN_IF_ERROR(CheckEpoch());
                         const absl::Status status = InvokeUser(
                             "the subscriber", [&] { return handle_(event); });
                         is_final = !status.ok();
                         if (status.ok()) position_.store(event.position);
                         return status;
                       });
    if (is_stopped) return absl::OkStatus();
    if (!progress.ok()) return progress.status();
    STELE_RETURN_IF_ERROR(CheckEpoch());
    position_.store(progress->position);
    if (!progress->at_head) return absl::OkStatus();
    const absl::StatusOr<std::int64_t> head = store_.WaitForHead(
        progress->position, SystemClock().Now() + kWaitForHead);
    if (absl::IsCancelled(head.status())) return absl::OkStatus();
    return head.status();
  }

  EventStore& store_;
  const SubscribeOptions options_;
  const std::function<absl::Status(const RecordedEvent&)> handle_;
  std::optional<Uuid> epoch_;  // That `position_` is of.
  std::atomic<std::int64_t> position_;
  std::atomic<std::thread::id> follower_{};

  mutable absl::Mutex mutex_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status result_ ABSL_GUARDED_BY(mutex_);

  absl::Mutex join_mutex_;
  std::thread thread_;  // Last, because it uses all of the above.
};

}  // namespace

std::unique_ptr<Subscription> Subscribe(
    EventStore& store, SubscribeOptions options,
    std::function<absl::Status(const RecordedEvent&)> handle) {
  return std::make_unique<FollowingThread>(store, std::move(options),
                                           std::move(handle));
}

}  // namespace stele
