#ifndef STELE_PROJECTIONS_SRC_FEEDS_FEED_KEEPER_H_
#define STELE_PROJECTIONS_SRC_FEEDS_FEED_KEEPER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "feeds/feed.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/base/metrics.h"

namespace stele::projections_internal {

// Keeps the feeds of one projection at work: one that ends with an error is
// started again, with back-off, and its error is told meanwhile.
//
// Keep() and the stops by one thread at a time; the rest is thread-safe.
class FeedKeeper {
 public:
  using Starter = std::function<absl::StatusOr<std::unique_ptr<FeedRunner>>()>;
  // By the name of the consumer.
  using Wanted = std::map<std::string, Starter>;

  // `clock` and `metrics` must outlive it.
  FeedKeeper(const std::string& projection, Clock& clock, Metrics& metrics);

  // Has what is no longer wanted stop, and starts what is, where it does not
  // run and its time has come. Waits for nothing that is being handled: a feed
  // that takes long to stop holds back only its own next start.
  void Keep(const Wanted& wanted);
  // Has all feeds stop, and does not wait for them. Stop() follows.
  void RequestStop();
  void Stop();

  // Also of feeds that are down.
  std::vector<ConsumerActivity> Snapshots() const;
  // Why a feed is down, or was a moment ago; OK if all run.
  absl::Status error() const;

 private:
  struct Feed {
    std::unique_ptr<FeedRunner> runner;  // Null: it could not be made.
    Backoff backoff;
    bool is_up = false;
    absl::Status error;  // Why it ended, until it has run for a while again.
    absl::Time started;
    absl::Time next_start;
  };

  using Runners = std::multimap<std::string, std::unique_ptr<FeedRunner>>;

  // Moves what is not wanted to those that stop, and has it stop.
  void DropUnwanted(const Wanted& wanted);
  // Those that were to stop and have.
  Runners TakeStopped();
  void NoteEnds();
  void Start(const std::string& consumer, const Starter& starter);
  void NoteEnd(const std::string& consumer, Feed& feed, absl::Status error)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string projection_;
  Clock& clock_;
  Counter& failures_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Feed> feeds_ ABSL_GUARDED_BY(mutex_);
  Runners stopping_ ABSL_GUARDED_BY(mutex_);  // By consumer. Not wanted.
};

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_FEEDS_FEED_KEEPER_H_
