#ifndef STELE_EVENTSTORE_SRC_POSTGRES_IO_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_IO_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <functional>
#include <list>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "stele/base/check.h"

namespace stele::postgres_store {

// The store's one thread of input and output, which runs all its coroutines.
//
// Thread-safe.
class IoThread {
 public:
  IoThread();
  ~IoThread();  // As Join().

  boost::asio::io_context& io() { return io_; }
  // Where libpq may block.
  boost::asio::thread_pool& blocking() { return blocking_; }

  // Runs `work` on the thread, soon.
  void Post(std::function<void()> work);

  // Starts a coroutine whose end nobody waits for but Join().
  void Spawn(boost::asio::awaitable<void> work);

  // Runs `work` on the thread and waits for what it returns. Never call it from
  // that thread.
  template <typename T>
  T Block(boost::asio::awaitable<T> work) {
    STELE_CHECK(std::this_thread::get_id() != thread_.get_id());
    T result{};
    std::exception_ptr failure;
    absl::Notification done;
    boost::asio::co_spawn(io_, std::move(work),
                          [&](std::exception_ptr thrown, T value) {
                            failure = thrown;
                            result = std::move(value);
                            done.Notify();
                          });
    done.WaitForNotification();
    STELE_CHECK(failure == nullptr);  // Coroutines of ours return errors.
    return result;
  }

  // Waits until all coroutines have ended, which somebody must have told them
  // to do. Those that take longer than `patience` are told once more, by
  // `give_up` on the thread, to end whatever they wait for. Idempotent.
  void Join(absl::Duration patience = absl::InfiniteDuration(),
            std::function<void()> give_up = nullptr);

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      guard_;
  boost::asio::thread_pool blocking_{2};
  absl::Notification ended_;
  std::thread thread_;
};

// Something that coroutines wait for. Only for the IoThread.
class Signal {
 public:
  explicit Signal(boost::asio::io_context& io) : io_(io) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // Wakes all coroutines that wait; nobody if none does, so look at what you
  // wait for before you wait.
  void Notify();

  // Waits for Notify() or until `timeout` has passed.
  boost::asio::awaitable<void> WaitFor(absl::Duration timeout);
  boost::asio::awaitable<void> Wait() {
    return WaitFor(absl::InfiniteDuration());
  }

 private:
  boost::asio::io_context& io_;
  // Of those who wait, each in its coroutine.
  std::list<boost::asio::steady_timer*> timers_;
};

// What is left of the time until `deadline`; never negative.
absl::Duration Until(absl::Time deadline);

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_IO_H_
