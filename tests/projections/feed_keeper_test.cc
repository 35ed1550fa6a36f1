#include "feeds/feed_keeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/in_memory.h"
#include "stele/testing/status_matchers.h"

namespace stele::projections_internal {
namespace {

using stele::testing::IsOk;

// Takes as long with each batch as it is told.
class LatchedHandler : public BatchHandler {
 public:
  LatchedHandler(absl::Notification& begun, absl::Notification& go_on)
      : begun_(begun), go_on_(go_on) {}

  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) override {
    return event.stream_id;
  }
  absl::Status Handle(std::span<const KeyedEvent>,
                      CommitBatch commit) override {
    if (!begun_.HasBeenNotified()) begun_.Notify();
    go_on_.WaitForNotification();
    return commit([](Transaction&) { return absl::OkStatus(); });
  }

 private:
  absl::Notification& begun_;
  absl::Notification& go_on_;
};

class FeedKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NewEvent event;
    event.id = RandomIds().Next();
    event.type = "test.Happened";
    ASSERT_THAT(store_->Append(
                    {"input-1", ExpectedVersion::Any(), {event}, std::nullopt}),
                IsOk());
  }

  // Counts its starts.
  FeedKeeper::Starter Starter(const std::string& consumer,
                              std::atomic<int>& starts) {
    return [this, consumer, &starts] {
      ++starts;
      return FeedRunner::Start(
          *store_, std::make_unique<LatchedHandler>(begun_, go_on_),
          {.name = consumer, .slots = 1, .tick = absl::Milliseconds(1)}, "me");
    };
  }

  const std::unique_ptr<EventStore> store_ = MakeInMemoryEventStore();
  absl::Notification begun_;
  absl::Notification go_on_;
  FeedKeeper keeper_{"P", SystemClock(), NoMetrics()};
};

TEST_F(FeedKeeperTest, AFeedThatStopsSlowlyHoldsUpNobodyElse) {
  std::atomic<int> slow = 0;
  std::atomic<int> other = 0;
  const auto wanted_slow = Starter("projection/P/1", slow);
  const auto wanted_other = Starter("projection/P/2", other);
  keeper_.Keep({{"projection/P/1", wanted_slow}});
  begun_.WaitForNotification();

  absl::Notification kept;
  std::thread keeping([&] {
    keeper_.Keep({{"projection/P/2", wanted_other}});
    keeper_.Keep(
        {{"projection/P/1", wanted_slow}, {"projection/P/2", wanted_other}});
    kept.Notify();
  });
  EXPECT_TRUE(kept.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_EQ(other, 1);
  EXPECT_EQ(slow, 1) << "the one that stops is still at work";
  go_on_.Notify();
  keeping.join();

  for (const absl::Time end = absl::Now() + absl::Seconds(30);
       slow == 1 && absl::Now() < end; std::this_thread::yield())
    keeper_.Keep(
        {{"projection/P/1", wanted_slow}, {"projection/P/2", wanted_other}});
  EXPECT_EQ(slow, 2);
  EXPECT_EQ(other, 1);
  keeper_.Stop();
}

}  // namespace
}  // namespace stele::projections_internal
