#include "feeds/feed.h"

#include <utility>

#include "absl/memory/memory.h"
#include "stele/base/status.h"

namespace stele::projections_internal {

absl::StatusOr<std::unique_ptr<FeedRunner>> FeedRunner::Start(
    EventStore& store, std::unique_ptr<BatchHandler> handler,
    ConsumerOptions options, const std::string& process) {
  STELE_ASSIGN_OR_RETURN(
      std::unique_ptr<Consumer> consumer,
      Consumer::Create(store, *handler, std::move(options), process));
  return absl::WrapUnique(
      new FeedRunner(std::move(handler), std::move(consumer)));
}

FeedRunner::FeedRunner(std::unique_ptr<BatchHandler> handler,
                       std::unique_ptr<Consumer> consumer)
    : handler_(std::move(handler)), consumer_(std::move(consumer)) {
  thread_ = std::thread([this] {
    absl::Status result = consumer_->Run();
    const absl::MutexLock lock(&mutex_);
    end_ = std::move(result);
  });
}

FeedRunner::~FeedRunner() {
  consumer_->Stop();
  thread_.join();
}

std::optional<absl::Status> FeedRunner::End() const {
  const absl::MutexLock lock(&mutex_);
  return end_;
}

}  // namespace stele::projections_internal
