#ifndef STELE_RUNTIME_WORKER_H_
#define STELE_RUNTIME_WORKER_H_

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stele/eventstore/consumer.h"
#include "stele/outbox/inbox.h"

namespace stele {

// A snapshot for /statusz.
boost::json::object ToJson(const ConsumerActivity& snapshot);
boost::json::object ToJson(const InboxActivity& snapshot);

// What keeps the service from being ready, or nothing.
std::optional<std::string> WhyNotReady(const ConsumerActivity& snapshot,
                                       absl::Duration stall_allowed);
std::optional<std::string> WhyNotReady(const InboxActivity& snapshot,
                                       absl::Duration stall_allowed);

// Something that works on the log or on a broker's messages under supervision,
// seen from outside its thread. Thread-safe.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual const std::string& name() const = 0;
  // Works until `stop` is requested or an error. May be called again.
  virtual absl::Status Run(std::stop_token stop) = 0;
  virtual boost::json::object Describe() const = 0;
  virtual std::optional<std::string> Problem(
      absl::Duration stall_allowed) const = 0;
};

// A worker made of T, which has Run(), Stop() and Status() and can run once: a
// new one is made for each run.
template <typename T>
class OneShotWorker final : public Worker {
 public:
  using Make = std::function<absl::StatusOr<std::unique_ptr<T>>()>;

  OneShotWorker(std::string name, Make make)
      : name_(std::move(name)), make_(std::move(make)) {}

  const std::string& name() const override { return name_; }

  absl::Status Run(std::stop_token stop) override {
    absl::StatusOr<std::unique_ptr<T>> made = make_();
    if (!made.ok()) return made.status();
    const std::shared_ptr<T> current = *std::move(made);
    {
      absl::MutexLock lock(&mutex_);
      current_ = current;
    }
    std::stop_callback on_stop(stop, [&current] { current->Stop(); });
    return current->Run();
  }

  boost::json::object Describe() const override {
    const std::shared_ptr<T> current = Current();
    if (current == nullptr) return {};
    return ToJson(current->Activity());
  }

  std::optional<std::string> Problem(
      absl::Duration stall_allowed) const override {
    const std::shared_ptr<T> current = Current();
    if (current == nullptr) return "has not begun";
    return WhyNotReady(current->Activity(), stall_allowed);
  }

 private:
  std::shared_ptr<T> Current() const {
    absl::MutexLock lock(&mutex_);
    return current_;
  }

  const std::string name_;
  const Make make_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<T> current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace stele

#endif  // STELE_RUNTIME_WORKER_H_
