#include "feeds/feed_keeper.h"

#include <iterator>
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
  DropUnwanted(wanted);
  TakeStopped();  // Joins their threads, which have nothing left to do.
  NoteEnds();
  for (const auto& [consumer, starter] : wanted) Start(consumer, starter);
}

void FeedKeeper::RequestStop() {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [consumer, feed] : feeds_) {
    if (feed.runner != nullptr) feed.runner->Stop();
  }
}

void FeedKeeper::Stop() {
  DropUnwanted({});
  Runners runners;
  {
    const absl::MutexLock lock(&mutex_);
    runners.swap(stopping_);
  }
  runners.clear();  // Waits, not with the lock held.
}

std::vector<ConsumerActivity> FeedKeeper::Snapshots() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<ConsumerActivity> snapshots;
  for (const auto& [consumer, feed] : feeds_) {
    snapshots.push_back(feed.runner != nullptr ? feed.runner->Snapshot()
                                               : ConsumerActivity());
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

void FeedKeeper::DropUnwanted(const Wanted& wanted) {
  const absl::MutexLock lock(&mutex_);
  for (auto it = feeds_.begin(); it != feeds_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    if (it->second.runner != nullptr) {
      it->second.runner->Stop();
      stopping_.emplace(it->first, std::move(it->second.runner));
    }
    it = feeds_.erase(it);
  }
}

FeedKeeper::Runners FeedKeeper::TakeStopped() {
  Runners stopped;
  const absl::MutexLock lock(&mutex_);
  for (auto it = stopping_.begin(); it != stopping_.end();) {
    const auto next = std::next(it);
    if (it->second->End().has_value()) stopped.insert(stopping_.extract(it));
    it = next;
  }
  return stopped;
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
    // It has the same owner: until it has stopped, it is at work.
    if (stopping_.contains(consumer)) return;
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
