#ifndef STELE_TESTS_EVENTSTORE_SUBSCRIPTION_SUITE_H_
#define STELE_TESTS_EVENTSTORE_SUBSCRIPTION_SUITE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "stele/eventstore/subscription.h"
#include "stele/eventstore/testing/contract_fixture.h"

// What Subscribe() promises, over any kind of store. Defines tests: part of a
// program only once.
namespace stele::testing {

class SubscriptionTest : public EventStoreContract {
 protected:
  // What a subscriber has seen. Thread-safe.
  class Seen {
   public:
    absl::Status Add(const RecordedEvent& event) {
      absl::MutexLock lock(&mutex_);
      positions_.push_back(event.position);
      return absl::OkStatus();
    }
    void AwaitCount(std::size_t count) {
      absl::MutexLock lock(&mutex_);
      const auto is_there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return positions_.size() >= count;
      };
      EXPECT_TRUE(
          mutex_.AwaitWithTimeout(absl::Condition(&is_there), kPatience))
          << "waited in vain for " << count << " events";
    }
    std::vector<std::int64_t> positions() {
      absl::MutexLock lock(&mutex_);
      return positions_;
    }

   private:
    absl::Mutex mutex_;
    std::vector<std::int64_t> positions_ ABSL_GUARDED_BY(mutex_);
  };

  std::vector<std::int64_t> AllPositions(ReadLogRequest request,
                                         std::int64_t until) {
    std::vector<std::int64_t> positions;
    for (const RecordedEvent& event : ReadLog(request, until)) {
      positions.push_back(event.position);
    }
    return positions;
  }
};

TEST_P(SubscriptionTest, CatchesUpThenFollows) {
  Append("a-1", 30);
  Seen seen;
  auto subscription =
      Subscribe(store(), {.page_events_max = 7},
                [&](const RecordedEvent& event) { return seen.Add(event); });
  seen.AwaitCount(30);
  const std::int64_t last = Append("b-1", 5).position;
  seen.AwaitCount(35);
  EXPECT_THAT(subscription->Stop(), IsOk());
  EXPECT_GE(subscription->position(), last);
  EXPECT_EQ(seen.positions(), AllPositions({}, last));
}

TEST_P(SubscriptionTest, SeesEveryEventOnceWhileManyAppend) {
  Seen seen;
  auto subscription = Subscribe(
      store(), {}, [&](const RecordedEvent& event) { return seen.Add(event); });
  InParallel(4, [&](int i) {
    for (int n = 0; n < 30; ++n) Append("s-" + std::to_string((i + n) % 5), 2);
  });
  seen.AwaitCount(240);
  EXPECT_THAT(subscription->Stop(), IsOk());
  EXPECT_EQ(seen.positions(), AllPositions({}, seen.positions().back()));
}

TEST_P(SubscriptionTest, BeginsWhereItIsToldAndFilters) {
  const std::int64_t first = Append("a-1").position;
  Append("b-1", 3);
  Append("a-1");
  Seen seen;
  auto subscription =
      Subscribe(store(), {.after_position = first, .categories = {"a"}},
                [&](const RecordedEvent& event) { return seen.Add(event); });
  seen.AwaitCount(1);
  Append("b-1");
  const std::int64_t last = Append("a-1").position;
  seen.AwaitCount(2);
  EXPECT_THAT(subscription->Stop(), IsOk());
  EXPECT_EQ(seen.positions(),
            AllPositions({.after_position = first, .categories = {"a"}}, last));
}

TEST_P(SubscriptionTest, EndsWithTheErrorOfItsHandler) {
  Append("a-1", 5);
  Seen seen;
  auto subscription =
      Subscribe(store(), {}, [&](const RecordedEvent& event) -> absl::Status {
        if (event.version == 3) return absl::UnavailableError("I am tired");
        return seen.Add(event);
      });
  seen.AwaitCount(2);
  EXPECT_THAT(subscription->Stop(),
              ::testing::AnyOf(IsOk(), StatusIs(absl::StatusCode::kUnavailable,
                                                "I am tired")));
  EXPECT_EQ(seen.positions().size(), 2u);
}

TEST_P(SubscriptionTest, AThrowingHandlerEndsIt) {
  Append("a-1");
  std::atomic<bool> was_called{false};
  auto subscription =
      Subscribe(store(), {}, [&](const RecordedEvent&) -> absl::Status {
        was_called = true;
        throw std::runtime_error("boom");
      });
  while (!was_called) std::this_thread::yield();
  EXPECT_THAT(subscription->Stop(), StatusIs(absl::StatusCode::kInternal));
}

TEST_P(SubscriptionTest, MalformedOptionsEndItWithAClearError) {
  auto subscription =
      Subscribe(store(), {.categories = {"no-category"}},
                [](const RecordedEvent&) { return absl::OkStatus(); });
  absl::Status result;
  const absl::Time deadline = absl::Now() + kPatience;
  // Whether the thread has come to its first read when it is stopped is open.
  while (result.ok() && absl::Now() < deadline) {
    subscription =
        Subscribe(store(), {.categories = {"no-category"}},
                  [](const RecordedEvent&) { return absl::OkStatus(); });
    std::this_thread::yield();
    result = subscription->Stop();
  }
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(SubscriptionTest, StoppingTwiceOrFromWithinIsHarmless) {
  Append("a-1", 2);
  absl::Mutex mutex;
  std::unique_ptr<Subscription> subscription;
  std::atomic<int> calls{0};
  {
    absl::MutexLock lock(&mutex);
    subscription = Subscribe(store(), {}, [&](const RecordedEvent&) {
      ++calls;
      absl::MutexLock inner(&mutex);
      return subscription->Stop();
    });
  }
  while (calls == 0) std::this_thread::yield();
  EXPECT_THAT(subscription->Stop(), IsOk());
  EXPECT_THAT(subscription->Stop(), IsOk());
  EXPECT_EQ(calls, 1);
}

}  // namespace stele::testing

#endif  // STELE_TESTS_EVENTSTORE_SUBSCRIPTION_SUITE_H_
