#ifndef STELE_TESTS_EVENTSTORE_CONSUMER_OWNERS_SUITE_H_
#define STELE_TESTS_EVENTSTORE_CONSUMER_OWNERS_SUITE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "consumer_fixture.h"

// Part of consumer_suite.h: how Consumers share slots, and take them over.
namespace stele::testing {

TEST_P(ConsumerTest, TwoOwnersShareTheSlots) {
  EffectHandler one;
  EffectHandler other;
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(300);
  auto first = Start(one, "a", options);
  Eventually([&] { return first->consumer->Activity().slots_held == 8; });
  auto second = Start(other, "b", options);
  Inputs(100, 20);
  Eventually([&] {
    return first->consumer->Activity().slots_held == 4 &&
           second->consumer->Activity().slots_held == 4;
  });
  Inputs(100, 20);
  Eventually([&] { return HasAllEffects(); });
  Eventually([&] {
    Inputs(20, 20);
    return second->consumer->Activity().events_handled > 0;
  });
  EXPECT_GT(one.leases_changed, 1);
  ASSERT_THAT(first->Stop(), IsOk());
  Eventually([&] { return second->consumer->Activity().slots_held == 8; });
  Inputs(40, 20);
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(second->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, AReleaseThatHandlesLessLeavesItsWorkToTheOther) {
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(300);
  EffectHandler old_handler;
  EffectHandler new_handler;
  options.types = {"test.Input"};
  auto old_one = Start(old_handler, "old", options);
  Eventually([&] { return old_one->consumer->Activity().slots_held == 8; });
  options.types = {"test.Input", "test.New"};
  options.lease = absl::Seconds(10);
  auto new_one = Make(new_handler, "new", options);
  ASSERT_THAT(new_one->Join(), IsOk());
  // The old one, which reads the log faster than any, is at work as before.
  Input("ada", "test.New");
  Input("ada", "test.Input");
  Eventually(
      [&] { return !old_one->consumer->Activity().why_it_yields.empty(); });
  EXPECT_THAT(old_one->consumer->Activity().why_it_yields,
              ::testing::HasSubstr("does not know: test.New"));
  Eventually([&] { return old_one->consumer->Activity().slots_held == 0; });
  ASSERT_THAT(new_one->RunUntil(last_), IsOk());
  EXPECT_TRUE(HasAllEffects());
  ExpectEachInputHadItsEffectOnceInOrder();

  // It was stopped, as in a rollback.
  Eventually([&] { return old_one->consumer->Activity().slots_held == 8; });
  EXPECT_EQ(old_one->consumer->Activity().why_it_yields, "");
  Input("ada");
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(old_one->Stop(), IsOk());
}

TEST_P(ConsumerTest, WhoFailsIsYieldedToUntilItIsStartedAgain) {
  EffectHandler handler;
  ConsumerOptions options = Options();
  options.types = {"test.Input", "test.Unreadable"};
  Input("ada", "test.Unreadable");
  EXPECT_THAT(CatchUp(handler, options), StatusIs(absl::StatusCode::kDataLoss));
  const auto acquire = [&] {
    return consumers().Acquire(kName, {"old", {"test.Input"}}, options.lease);
  };
  EXPECT_THAT(acquire(), IsOkAndHolds(::testing::IsEmpty()));
  // It is started again, and stopped.
  auto again = Start(handler, "solo", options);
  again->thread.join();
  EXPECT_THAT(again->result, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(acquire(), IsOkAndHolds(::testing::IsEmpty()));
  ASSERT_THAT(consumers().Release(kName, "solo"), IsOk());
  EXPECT_THAT(acquire(), IsOkAndHolds(::testing::SizeIs(8)));
}

TEST_P(ConsumerTest, SlotsOfADeadOwnerAreTakenOver) {
  Inputs(50, 10);
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(100);
  ASSERT_THAT(consumers().Register(kName, 8, 0), IsOk());
  ASSERT_THAT(consumers().Acquire(kName, {"dead"}, options.lease), IsOk());
  EffectHandler handler;
  auto running = Start(handler, "b", options);
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(running->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

// Holds up whoever handles the event it is told of.
class Gate {
 public:
  explicit Gate(std::string payload) : payload_(std::move(payload)) {}

  // For EffectHandler::SetFault().
  absl::Status operator()(const KeyedEvent& event) {
    if (event.event.payload != payload_) return absl::OkStatus();
    if (++tries == 1) reached.Notify();
    open.WaitForNotification();
    return absl::OkStatus();
  }

  std::atomic<int> tries{0};
  absl::Notification reached;
  absl::Notification open;

 private:
  const std::string payload_;
};

TEST_P(ConsumerTest, AnEventMayTakeLongerThanItsLease) {
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(300);
  Gate gate("key0 1");
  EffectHandler handlers[2];
  for (EffectHandler& handler : handlers) handler.SetFault(std::ref(gate));
  auto one = Start(handlers[0], "a", options);
  auto other = Start(handlers[1], "b", options);
  Eventually([&] {
    return one->consumer->Activity().slots_held == 4 &&
           other->consumer->Activity().slots_held == 4;
  });
  Inputs(40, 10);
  gate.reached.WaitForNotification();
  LetLeasesGoBy("key0", options.lease);
  EXPECT_EQ(gate.tries, 1);
  gate.open.Notify();
  Eventually([&] { return HasAllEffects(); });
  EXPECT_EQ(gate.tries, 1) << "its work was not done in vain";
  ASSERT_THAT(one->Stop(), IsOk());
  ASSERT_THAT(other->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, AHandlerThatHangsLosesItsLeasesAndCannotCommit) {
  Inputs(30, 10);
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(100);
  options.handle_time_max = absl::Milliseconds(50);
  Gate gate("key0 1");
  EffectHandler hanging;
  hanging.SetFault(std::ref(gate));
  auto late = Start(hanging, "late", options);
  gate.reached.WaitForNotification();
  EffectHandler handler;
  auto taker = Start(handler, "taker", options);
  Eventually([&] { return late->consumer->Activity().is_stuck; });
  EXPECT_THAT(late->consumer->Activity().last_error,
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  Eventually([&] { return HasAllEffects(); });
  Inputs(30, 10);
  Eventually([&] { return HasAllEffects(); });
  gate.open.Notify();
  Eventually([&] { return late->consumer->Activity().slots_held == 4; });
  EXPECT_FALSE(late->consumer->Activity().is_stuck);
  Inputs(30, 10);
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(late->Stop(), IsOk());
  ASSERT_THAT(taker->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, CatchingUpWaitsForTheSlotsOfADeadOwner) {
  Inputs(50, 10);
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(300);
  ASSERT_THAT(consumers().Register(kName, 8, 0), IsOk());
  ASSERT_THAT(consumers().Acquire(kName, {"dead"}, options.lease), IsOk());
  EffectHandler handler;
  std::atomic<bool> has_ended{false};
  absl::Status result;
  std::thread running([&] {
    result = CatchUp(handler, options);
    has_ended = true;
  });
  Eventually([&] { return has_ended.load(); });
  running.join();
  ASSERT_THAT(result, IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, OwnersThatComeAndGoLoseAndRepeatNothing) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(60);
  options.batch_events_max = 5;
  EffectHandler handlers[3];
  std::unique_ptr<Running> running[3];
  int names = 0;
  for (int round = 0; round < 25; ++round) {
    const auto i = static_cast<std::size_t>(random() % 3);
    if (running[i] == nullptr) {
      running[i] =
          Start(handlers[i], "owner" + std::to_string(++names), options);
    } else {
      ASSERT_THAT(running[i]->Stop(), IsOk());
      running[i] = nullptr;
    }
    Inputs(12, 7);
    clock().Advance(absl::Milliseconds(random() % 50));
  }
  if (running[0] == nullptr) running[0] = Start(handlers[0], "last", options);
  Eventually([&] { return HasAllEffects(); });
  for (auto& one : running) {
    if (one == nullptr) continue;
    ASSERT_THAT(one->Stop(), IsOk());
  }
  ExpectEachInputHadItsEffectOnceInOrder();
}

}  // namespace stele::testing

#endif  // STELE_TESTS_EVENTSTORE_CONSUMER_OWNERS_SUITE_H_
