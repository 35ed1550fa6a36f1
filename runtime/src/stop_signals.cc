#include "stop_signals.h"

#include <pthread.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/log.h"

namespace stele {

StopSignals::StopSignals(std::string service) : service_(std::move(service)) {
  sigemptyset(&set_);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { Loop(); });
}

StopSignals::~StopSignals() {
  is_ending_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);  // Wakes it.
  thread_.join();
}

void StopSignals::TakeOver() {
  const absl::MutexLock lock(&mutex_);
  is_taken_over_ = true;
}

int StopSignals::Wait() {
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* count) { return *count > 0; }, &count_));
  return first_;
}

void StopSignals::WaitAtMost(absl::Duration wait) {
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(
                              +[](int* count) { return *count > 1; }, &count_),
                          wait);
}

void StopSignals::Loop() {
  for (;;) {
    int signal = 0;
    sigwait(&set_, &signal);
    if (is_ending_) return;
    Take(signal);
  }
}

void StopSignals::Take(int signal) {
  const absl::MutexLock lock(&mutex_);
  if (!is_taken_over_) {
    Log(LogLevel::kInfo, "service stopped before it had started",
        {{"service", service_}, {"signal", absl::StrCat(signal)}});
    // What the database was asked for it undoes by itself.
    std::_Exit(0);
  }
  if (count_++ == 0) first_ = signal;
}

}  // namespace stele
