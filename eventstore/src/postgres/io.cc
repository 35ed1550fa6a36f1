#include "postgres/io.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "absl/time/clock.h"

namespace stele::postgres_store {

namespace asio = boost::asio;

IoThread::IoThread()
    : guard_(asio::make_work_guard(io_)), thread_([this] {
        io_.run();
        ended_.Notify();
      }) {}

IoThread::~IoThread() { Join(); }

void IoThread::Post(std::function<void()> work) {
  asio::post(io_, std::move(work));
}

void IoThread::Spawn(asio::awaitable<void> work) {
  asio::co_spawn(io_, std::move(work), [](std::exception_ptr thrown) {
    STELE_CHECK(thrown == nullptr);  // Coroutines of ours return errors.
  });
}

void IoThread::Join(absl::Duration patience, std::function<void()> give_up) {
  if (!thread_.joinable()) return;
  guard_.reset();
  if (!ended_.WaitForNotificationWithTimeout(patience)) {
    Post(std::move(give_up));
  }
  thread_.join();
  blocking_.join();
}

void Signal::Notify() {
  for (asio::steady_timer* const timer : timers_) timer->cancel();
}

asio::awaitable<void> Signal::WaitFor(absl::Duration timeout) {
  asio::steady_timer timer(io_, asio::steady_timer::time_point::max());
  if (timeout < absl::Hours(24 * 365)) {
    timer.expires_after(absl::ToChronoNanoseconds(timeout));
  }
  const auto self = timers_.insert(timers_.end(), &timer);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  timers_.erase(self);
}

absl::Duration Until(absl::Time deadline) {
  return std::max(deadline - absl::Now(), absl::ZeroDuration());
}

}  // namespace stele::postgres_store
