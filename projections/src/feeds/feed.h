#ifndef STELE_PROJECTIONS_SRC_FEEDS_FEED_H_
#define STELE_PROJECTIONS_SRC_FEEDS_FEED_H_

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "stele/eventstore/consumer.h"

namespace stele::projections_internal {

// A consumer with its handler, at work on a thread of its own. Thread-safe.
class FeedRunner {
 public:
  // `store` must outlive it.
  static absl::StatusOr<std::unique_ptr<FeedRunner>> Start(
      EventStore& store, std::unique_ptr<BatchHandler> handler,
      ConsumerOptions options, const std::string& process);
  ~FeedRunner();  // Stops and waits.

  // Returns at once.
  void Stop() { consumer_->Stop(); }

  // What the consumer returned; nullopt while it works.
  std::optional<absl::Status> End() const;

  ConsumerActivity Snapshot() const { return consumer_->Activity(); }

 private:
  FeedRunner(std::unique_ptr<BatchHandler> handler,
             std::unique_ptr<Consumer> consumer);

  const std::unique_ptr<BatchHandler> handler_;
  const std::unique_ptr<Consumer> consumer_;
  mutable absl::Mutex mutex_;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_FEEDS_FEED_H_
