#include "stele/eventstore/lease_keeper.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/log.h"

namespace stele {
namespace {

// An owner that is not kept from it renews at a third of the lease itself.
absl::Duration RenewAfter(absl::Duration lease) { return lease / 2; }

// What is left of the lease then is enough for some more tries.
absl::Duration RetryAfter(absl::Duration lease) { return lease / 12; }

}  // namespace

LeaseKeeper::LeaseKeeper(ConsumerStorage& storage, LeaseKeeperOptions options,
                         Clock& clock)
    : storage_(storage), options_(std::move(options)), clock_(clock) {}

void LeaseKeeper::Start() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = false;
    due_ = SteadyClock::time_point::max();
  }
  BeginWork();
  thread_ = std::thread([this] { Run(); });
}

void LeaseKeeper::Stop() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  thread_.join();
  absl::MutexLock lock(&mutex_);
  TellStuck(false, absl::OkStatus());
}

// Under the lock, so that the last word is the true one.
bool LeaseKeeper::TellStuck(bool is_stuck, const absl::Status& why) {
  if (std::exchange(is_stuck_, is_stuck) == is_stuck) return false;
  if (options_.on_stuck) options_.on_stuck(why);
  return true;
}

void LeaseKeeper::BeginWork() {
  {
    absl::MutexLock lock(&mutex_);
    work_began_ = clock_.Now();
    if (!TellStuck(false, absl::OkStatus())) return;
  }
  Log(LogLevel::kWarning, "consumer goes on after it hung",
      {{"consumer", options_.consumer}});
}

void LeaseKeeper::Renewed() { SetDueIn(RenewAfter(options_.lease)); }

void LeaseKeeper::SetDueIn(absl::Duration wait) {
  absl::MutexLock lock(&mutex_);
  due_ = SteadyClock::now() + absl::ToChronoNanoseconds(wait);
}

void LeaseKeeper::Run() {
  while (WaitUntilDue()) RenewIfAlive();
}

bool LeaseKeeper::WaitUntilDue() {
  absl::MutexLock lock(&mutex_);
  while (!is_stopping_) {
    const absl::Duration wait = absl::FromChrono(due_ - SteadyClock::now());
    if (wait <= absl::ZeroDuration()) return true;
    // Not for longer than Renewed(), which wakes nobody, may put it off.
    mutex_.AwaitWithTimeout(absl::Condition(&is_stopping_),
                            std::min(wait, RenewAfter(options_.lease)));
  }
  return false;
}

void LeaseKeeper::RenewIfAlive() {
  if (IsStuck()) return SetDueIn(RenewAfter(options_.lease));
  const absl::Status status =
      storage_.Renew(options_.consumer, options_.owner, options_.lease)
          .status();
  if (status.ok()) return Renewed();
  SetDueIn(RetryAfter(options_.lease));
  Log(LogLevel::kWarning, "leases could not be renewed",
      {{"consumer", options_.consumer}, {"error", status.ToString()}});
}

bool LeaseKeeper::IsStuck() {
  const absl::Status error = absl::DeadlineExceededError(
      absl::StrCat("the handler hangs: nothing was heard of it for ",
                   absl::FormatDuration(options_.handle_time_max),
                   ", and its leases are no longer renewed"));
  {
    absl::MutexLock lock(&mutex_);
    if (clock_.Now() - work_began_ <= options_.handle_time_max) return false;
    if (!TellStuck(true, error)) return true;
  }
  Log(LogLevel::kError, "consumer hangs",
      {{"consumer", options_.consumer}, {"error", error.ToString()}});
  return true;
}

}  // namespace stele
