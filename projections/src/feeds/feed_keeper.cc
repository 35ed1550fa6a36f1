#include "feeds/feed_keeper.h"

#include <optional>
#include <utility>

#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele::projections_internal {
namespace {

constexpr BackoffOptions kStartAgain = {absl::Seconds(1), absl::Seconds(30)};
// One that ran for as long has got over what ailed it: it is not told any more,
// and the next time is a first time.
constexpr absl::Duration kUpAfter = absl::Seconds(2);
constexpr absl::Duration kSoundAfter = absl::Minutes(1);

// Has all of them stop before it waits for any.
void StopAndWait(std::vector<std::unique_ptr<FeedRunner>> runners) {
  for (const auto& runner : runners) {
    if (runner != nullptr) runner->Stop();
  }
}

}  // namespace

FeedKeeper::FeedKeeper(const std::string& projection, Clock& clock,
                       Metrics& metrics)
    : projection_(projection),
      clock_(clock),
      failures_(metrics.GetCounter(
          "stele_projection_feed_failures_total",
          "Times that a feed of the projection ended with an error.",
          {{"projection", projection}})) {}

void FeedKeeper::Keep(const Wanted& wanted) {
  StopAndWait(TakeUnwanted(wanted));  // Not with the lock held.
  NoteEnds();
  for (const auto& [consumer, starter] : wanted) Start(consumer, starter);
}

void FeedKeeper::RequestStop() {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [consumer, feed] : feeds_) {
    if (feed.runner != nullptr) feed.runner->Stop();
  }
}

void FeedKeeper::Stop() { StopAndWait(TakeUnwanted({})); }

std::vector<ConsumerSnapshot> FeedKeeper::Snapshots() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<ConsumerSnapshot> snapshots;
  for (const auto& [consumer, feed] : feeds_) {
    snapshots.push_back(feed.runner != nullptr ? feed.runner->Snapshot()
                                               : ConsumerSnapshot());
    if (!feed.error.ok()) snapshots.back().last_error = feed.error;
  }
  return snapshots;
}

absl::Status FeedKeeper::error() const {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [consumer, feed] : feeds_) {
    if (!feed.error.ok()) return Annotate(feed.error, consumer);
  }
  return absl::OkStatus();
}

std::vector<std::unique_ptr<FeedRunner>> FeedKeeper::TakeUnwanted(
    const Wanted& wanted) {
  std::vector<std::unique_ptr<FeedRunner>> unwanted;
  const absl::MutexLock lock(&mutex_);
  for (auto it = feeds_.begin(); it != feeds_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    unwanted.push_back(std::move(it->second.runner));
    it = feeds_.erase(it);
  }
  return unwanted;
}

void FeedKeeper::NoteEnds() {
  const absl::MutexLock lock(&mutex_);
  for (auto& [consumer, feed] : feeds_) {
    if (!feed.is_up) continue;
    const std::optional<absl::Status> end = feed.runner->End();
    if (end.has_value()) {
      NoteEnd(consumer, feed, *end);
    } else if (clock_.Now() - feed.started >= kUpAfter) {
      feed.error = absl::OkStatus();
    }
  }
}

void FeedKeeper::NoteEnd(const std::string& consumer, Feed& feed,
                         absl::Status error) {
  if (clock_.Now() - feed.started >= kSoundAfter) feed.backoff.Reset();
  feed.is_up = false;
  feed.next_start = clock_.Now() + feed.backoff.Next();
  // Its version may be fed otherwise before we have read of it.
  if (error.ok() || absl::IsCancelled(error)) return;
  feed.error = std::move(error);
  failures_.Add();
  Log(LogLevel::kError, "a projection's feed has stopped; it is started again",
      {{"projection", projection_},
       {"consumer", consumer},
       {"cause", feed.error.ToString()}});
}

void FeedKeeper::Start(const std::string& consumer, const Starter& starter) {
  std::unique_ptr<FeedRunner> ended;
  {
    const absl::MutexLock lock(&mutex_);
    const auto [it, is_new] =
        feeds_.try_emplace(consumer, Feed{.runner = nullptr,
                                          .backoff = Backoff(kStartAgain),
                                          .is_up = false,
                                          .error = absl::OkStatus(),
                                          .started = absl::InfinitePast(),
                                          .next_start = absl::InfinitePast()});
    if (it->second.is_up || clock_.Now() < it->second.next_start) return;
    ended = std::move(it->second.runner);
  }
  ended.reset();
  absl::StatusOr<std::unique_ptr<FeedRunner>> runner = starter();
  const absl::MutexLock lock(&mutex_);
  Feed& feed = feeds_.find(consumer)->second;
  feed.started = clock_.Now();
  if (runner.ok()) {
    feed.runner = *std::move(runner);
    feed.is_up = true;
  } else {
    NoteEnd(consumer, feed, runner.status());
  }
}

}  // namespace stele::projections_internal
