#include "postgres_io.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace stele::postgres_store {

namespace asio = boost::asio;

IoThread::IoThread()
    : guard_(asio::make_work_guard(io_)), thread_([this] { io_.run(); }) {}

IoThread::~IoThread() { Join(); }

void IoThread::Post(std::function<void()> work) {
  asio::post(io_, std::move(work));
}

void IoThread::Spawn(asio::awaitable<void> work) {
  asio::co_spawn(io_, std::move(work), [](std::exception_ptr thrown) {
    STELE_CHECK(thrown == nullptr);  // Coroutines of ours return errors.
  });
}

void IoThread::Join() {
  if (!thread_.joinable()) return;
  guard_.reset();
  thread_.join();
  blocking_.join();
}

Signal::Signal(asio::io_context& io) : timer_(io) {}

asio::awaitable<void> Signal::Wait() {
  // Setting the time wakes who waits already, so it is set only once.
  constexpr auto kNever = asio::steady_timer::time_point::max();
  if (timer_.expiry() != kNever) timer_.expires_at(kNever);
  co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> Signal::WaitFor(absl::Duration timeout) {
  timer_.expires_after(absl::ToChronoNanoseconds(timeout));
  co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace stele::postgres_store
