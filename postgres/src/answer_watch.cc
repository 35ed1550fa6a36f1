#include "answer_watch.h"

#include <sys/socket.h>

#include <algorithm>

namespace stele::postgres {

AnswerWatch::AnswerWatch()
    : wakes_at_(Clock::time_point::min()), thread_([this] { Run(); }) {}

AnswerWatch::~AnswerWatch() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void AnswerWatch::Run() {
  absl::MutexLock lock(&mutex_);
  while (!is_stopping_) {
    wakes_at_ = ShutDownOverdue();
    if (wakes_at_ == Clock::time_point::max()) {
      changed_.Wait(&mutex_);
    } else {
      changed_.WaitWithTimeout(&mutex_,
                               absl::FromChrono(wakes_at_ - Clock::now()));
    }
  }
}

AnswerWatch::Clock::time_point AnswerWatch::ShutDownOverdue() {
  const Clock::time_point now = Clock::now();
  Clock::time_point next = Clock::time_point::max();
  for (Watched* const watched : watched_) {
    if (watched->due_ <= now) {
      shutdown(watched->socket_, SHUT_RDWR);
      watched->was_shut_down_ = true;
      watched->due_ = Clock::time_point::max();
    }
    next = std::min(next, watched->due_);
  }
  return next;
}

AnswerWatch::Watched::Watched(AnswerWatch& watch, int socket)
    : watch_(watch), socket_(socket), due_(Clock::time_point::max()) {
  absl::MutexLock lock(&watch_.mutex_);
  watch_.watched_.insert(this);
}

AnswerWatch::Watched::~Watched() {
  absl::MutexLock lock(&watch_.mutex_);
  watch_.watched_.erase(this);
}

void AnswerWatch::Watched::Expect(absl::Duration limit) {
  const Clock::time_point due =
      limit > absl::Hours(24 * 365)
          ? Clock::time_point::max()
          : Clock::now() + absl::ToChronoNanoseconds(limit);
  absl::MutexLock lock(&watch_.mutex_);
  due_ = due;
  // Otherwise the thread finds out when it wakes for what was due before.
  if (due < watch_.wakes_at_) watch_.changed_.Signal();
}

bool AnswerWatch::Watched::was_shut_down() const {
  absl::MutexLock lock(&watch_.mutex_);
  return was_shut_down_;
}

}  // namespace stele::postgres
