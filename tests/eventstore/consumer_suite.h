#ifndef STELE_TESTS_EVENTSTORE_CONSUMER_SUITE_H_
#define STELE_TESTS_EVENTSTORE_CONSUMER_SUITE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "consumer_fixture.h"

// What a Consumer promises, over any kind of store. Defines tests: part of a
// program only once.
namespace stele::testing {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

// ---- The ordinary course ----------------------------------------------------

TEST_P(ConsumerTest, EachEventHasItsEffectOnceInOrder) {
  Inputs(300, 17);
  EffectHandler handler;
  ASSERT_THAT(CatchUp(handler), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
  EXPECT_THAT(SlotPositions(), Each(Ge(last_)));
}

TEST_P(ConsumerTest, WhatWasHandledIsNotHandledAgain) {
  EffectHandler handler;
  Inputs(20, 3);
  ASSERT_THAT(CatchUp(handler), IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  Inputs(20, 3);
  ASSERT_THAT(CatchUp(handler), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, AConsumerStartsWhereItIsTold) {
  Input("early");
  ConsumerOptions options = Options();
  options.start_position = last_;
  Input("late");
  EffectHandler handler;
  ASSERT_THAT(CatchUp(handler, options), IsOk());
  EXPECT_THAT(Effects("early"), IsEmpty());
  EXPECT_THAT(Effects("late"), SizeIs(1));
}

TEST_P(ConsumerTest, CheckpointsMovePastWhatIsOfNoInterest) {
  EffectHandler handler;
  for (int i = 0; i < 30; ++i) Input("ada", "test.Ignored");
  last_ = Append("other-1", 30).position;
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Effects("ada"), IsEmpty());
  EXPECT_THAT(SlotPositions(), Each(Ge(last_)));
}

TEST_P(ConsumerTest, OnlyTheTypesAskedForAreHandled) {
  Input("ada", "test.Wanted");
  Input("ada", "test.Unwanted");
  Input("ada", "test.Wanted");
  ConsumerOptions options = Options();
  options.types = {"test.Wanted"};
  EffectHandler handler;
  ASSERT_THAT(CatchUp(handler, options), IsOk());
  EXPECT_THAT(Effects("ada"), ElementsAre("ada 1", "ada 3"));
}

TEST_P(ConsumerTest, BatchesKeepWithinTheirBounds) {
  Inputs(100, 5);
  EffectHandler handler;
  ConsumerOptions options = Options();
  options.batch_events_max = 7;
  ASSERT_THAT(CatchUp(handler, options), IsOk());
  EXPECT_EQ(handler.largest_batch, 7u);
  Inputs(20, 5);
  EffectHandler other;
  options = Options();
  options.batch_bytes_max = 1;
  ASSERT_THAT(CatchUp(other, options), IsOk());
  EXPECT_EQ(other.largest_batch, 1u);
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, ARunningConsumerFollowsTheLog) {
  EffectHandler handler;
  auto running = Start(handler, "a", Options());
  Inputs(10, 2);
  Eventually([&] { return HasAllEffects(); });
  Inputs(10, 2);
  Eventually([&] { return HasAllEffects() && handler.ticks > 3; });
  const ConsumerSnapshot snapshot = running->consumer->Status();
  EXPECT_TRUE(snapshot.is_running);
  EXPECT_EQ(snapshot.slots_held, 8);
  EXPECT_EQ(handler.slots_at_tick, 8u);
  EXPECT_THAT(snapshot.last_error, IsOk());
  EXPECT_THAT(running->Stop(), IsOk());
  EXPECT_FALSE(running->consumer->Status().is_running);
  EXPECT_EQ(running->consumer->Status().events_handled, 20);
  for (const SlotStatus& slot : Slots()) {
    EXPECT_EQ(slot.owner, "") << "leases are released at the end";
  }
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, AStoppedConsumerStaysStopped) {
  EffectHandler handler;
  auto consumer = Make(handler, "a", Options());
  consumer->Stop();
  EXPECT_THAT(consumer->RunUntil(0), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(consumer->Run(), IsOk());
}

TEST_P(ConsumerTest, MalformedOptionsAreRefused) {
  EffectHandler handler;
  std::vector<ConsumerOptions> wrong(9, Options());
  wrong[0].name = "";
  wrong[1].slots = 0;
  wrong[2].batch_events_max = 0;
  wrong[3].batch_bytes_max = 0;
  wrong[4].lease = absl::ZeroDuration();
  wrong[5].tick = absl::ZeroDuration();
  wrong[6].tries_before_parking = 0;
  wrong[7].categories = {"not-a-category"};
  wrong[8].start_position = -1;
  for (const ConsumerOptions& options : wrong) {
    EXPECT_THAT(Consumer::Create(store(), handler, options, "a").status(),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(Consumer::Create(store(), handler, Options(), "").status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(ConsumerTest, TheNumberOfSlotsCannotChange) {
  EffectHandler handler;
  ASSERT_THAT(CatchUp(handler), IsOk());
  ConsumerOptions options = Options();
  options.slots = 9;
  EXPECT_THAT(CatchUp(handler, options),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

// ---- Several owners ---------------------------------------------------------

TEST_P(ConsumerTest, TwoOwnersShareTheSlots) {
  EffectHandler one;
  EffectHandler other;
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(300);
  auto first = Start(one, "a", options);
  Eventually([&] { return first->consumer->Status().slots_held == 8; });
  auto second = Start(other, "b", options);
  Inputs(100, 20);
  Eventually([&] {
    return first->consumer->Status().slots_held == 4 &&
           second->consumer->Status().slots_held == 4;
  });
  Inputs(100, 20);
  Eventually([&] { return HasAllEffects(); });
  Eventually([&] {
    Inputs(20, 20);
    return second->consumer->Status().events_handled > 0;
  });
  EXPECT_GT(one.leases_changed, 1);
  ASSERT_THAT(first->Stop(), IsOk());
  Eventually([&] { return second->consumer->Status().slots_held == 8; });
  Inputs(40, 20);
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(second->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, SlotsOfADeadOwnerAreTakenOver) {
  Inputs(50, 10);
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(100);
  ASSERT_THAT(consumers().Register(kName, 8, 0), IsOk());
  ASSERT_THAT(consumers().Acquire(kName, "dead", options.lease), IsOk());
  EffectHandler handler;
  auto running = Start(handler, "b", options);
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(running->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, AFrozenOwnerCannotCommitAfterItsLeaseIsLost) {
  Inputs(30, 10);
  ConsumerOptions options = Options();
  options.lease = absl::Milliseconds(100);
  absl::Notification is_frozen;
  absl::Notification thaw;
  EffectHandler frozen;
  std::atomic<bool> is_first{true};
  frozen.SetFault([&](const KeyedEvent&) {
    if (is_first.exchange(false)) {
      is_frozen.Notify();
      thaw.WaitForNotification();
    }
    return absl::OkStatus();
  });
  auto late = Start(frozen, "late", options);
  is_frozen.WaitForNotification();
  EffectHandler handler;
  auto taker = Start(handler, "taker", options);
  Eventually([&] { return HasAllEffects(); });
  Inputs(30, 10);
  Eventually([&] { return HasAllEffects(); });
  thaw.Notify();
  Eventually([&] { return late->consumer->Status().slots_held == 4; });
  Inputs(30, 10);
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(late->Stop(), IsOk());
  ASSERT_THAT(taker->Stop(), IsOk());
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

// ---- Failures ---------------------------------------------------------------

TEST_P(ConsumerTest, TransientErrorsAreRetriedAndParkNothing) {
  Inputs(20, 4);
  EffectHandler handler;
  std::atomic<int> failures{0};
  handler.SetFault([&](const KeyedEvent& event) -> absl::Status {
    const absl::StatusCode codes[] = {
        absl::StatusCode::kUnavailable, absl::StatusCode::kAborted,
        absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kUnknown,
        absl::StatusCode::kResourceExhausted};
    if (event.event.payload != "key2 3" || failures >= 10) {
      return absl::OkStatus();
    }
    return absl::Status(codes[failures++ % 5], "not now");
  });
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_EQ(failures, 10);
  EXPECT_THAT(Parked(), IsEmpty());
  ExpectEachInputHadItsEffectOnceInOrder();
}

// Each event takes an eighth of the lease. Whoever takes longer than the lease
// finds its batch fenced; trying the same again would never succeed.
class SlowHandler final : public BatchHandler {
 public:
  SlowHandler(FakeClock& clock, absl::Duration lease)
      : clock_(clock), lease_(lease) {}

  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) override {
    return inner_.KeyOf(event);
  }
  absl::Status Handle(std::span<const KeyedEvent> batch,
                      CommitBatch commit) override {
    const absl::Duration took =
        static_cast<std::int64_t>(batch.size()) * lease_ / 8;
    clock_.Advance(took);
    sizes.push_back(batch.size());
    if (sizes.size() > 100) return absl::CancelledError("never gets done");
    if (took > lease_) return absl::AbortedError("the lease was lost");
    return inner_.Handle(batch, commit);
  }

  std::vector<std::size_t> sizes;

 private:
  EffectHandler inner_;
  FakeClock& clock_;
  const absl::Duration lease_;
};

TEST_P(ConsumerTest, ABatchThatOutlastsItsLeaseIsTriedInSmallerOnes) {
  Inputs(64, 4);
  SlowHandler handler(clock(), Options().lease);
  ASSERT_THAT(CatchUp(handler, Options()), IsOk());
  ASSERT_GE(handler.sizes.size(), 3u);
  EXPECT_EQ(handler.sizes.front(), 64u);
  EXPECT_THAT(handler.sizes.back(), Le(8u));
  EXPECT_THAT(Parked(), IsEmpty());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, APoisonEventStopsOnlyItsKey) {
  Inputs(30, 3);
  EffectHandler handler;
  handler.FailOn("key1 4");
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Effects("key0"), SizeIs(10));
  EXPECT_THAT(Effects("key1"), ElementsAre("key1 1", "key1 2", "key1 3"));
  EXPECT_THAT(Effects("key2"), SizeIs(10));
  ASSERT_THAT(Parked(), SizeIs(1));
  const ParkedKey parked = Parked()[0];
  EXPECT_EQ(parked.key, "key1");
  EXPECT_EQ(parked.slot, SlotOf("key1", 8));
  EXPECT_EQ(parked.held, 7);
  EXPECT_EQ(parked.tries, 3);
  EXPECT_THAT(parked.cause, HasSubstr("cannot stand key1 4"));
  EXPECT_EQ(parked.first_position, Read("input-key1").at(3).position);
  EXPECT_THAT(SlotPositions(), Each(Ge(last_)));
}

TEST_P(ConsumerTest, LaterEventsOfAParkedKeyWaitBehindIt) {
  Inputs(6, 2);
  EffectHandler handler;
  handler.FailOn("key1 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  handler.FailNever();
  Inputs(6, 2);  // With a new consumer each time, as after a restart.
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Effects("key1"), ElementsAre("key1 1"));
  EXPECT_EQ(Parked().at(0).held, 5);
  EXPECT_THAT(Effects("key0"), SizeIs(6));
}

TEST_P(ConsumerTest, AParkedKeyIsRetriedWhenItsTimeHasCome) {
  Inputs(8, 2);
  EffectHandler handler;
  handler.FailOn("key1 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  const ParkedKey first = Parked().at(0);
  EXPECT_GT(first.next_try, clock().Now());
  EXPECT_LE(first.next_try, clock().Now() + absl::Hours(1));
  clock().Advance(absl::Hours(1));
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_EQ(Parked().at(0).tries, first.tries + 1);
  EXPECT_GT(Parked().at(0).next_try, first.next_try);
  handler.FailNever();
  clock().Advance(absl::Hours(1));
  Inputs(2, 2);
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Parked(), IsEmpty());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, AThrowingHandlerIsAFaultOfTheEvent) {
  Inputs(8, 2);
  EffectHandler handler;
  handler.SetFault([](const KeyedEvent& event) -> absl::Status {
    if (event.event.payload == "key0 2") throw std::runtime_error("boom");
    return absl::OkStatus();
  });
  ASSERT_THAT(CatchUp(handler), IsOk());
  ASSERT_THAT(Parked(), SizeIs(1));
  EXPECT_THAT(Parked()[0].cause, HasSubstr("threw: boom"));
  EXPECT_THAT(Effects("key1"), SizeIs(4));
}

TEST_P(ConsumerTest, AHandlerThatForgetsToCommitIsFoundOut) {
  Input("ada");
  EffectHandler handler;
  handler.forgets_to_commit = true;
  ASSERT_THAT(CatchUp(handler), IsOk());
  ASSERT_THAT(Parked(), SizeIs(1));
  EXPECT_THAT(Parked()[0].cause, HasSubstr("did not commit"));
}

TEST_P(ConsumerTest, ManyPoisonKeysAreEachParked) {
  Inputs(60, 6);
  EffectHandler handler;
  handler.SetFault([](const KeyedEvent& event) -> absl::Status {
    const bool is_bad =
        event.key != "key0" && event.event.payload == event.key + " 5";
    return is_bad ? absl::InvalidArgumentError("bad") : absl::OkStatus();
  });
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Parked(), SizeIs(5));
  EXPECT_THAT(Effects("key0"), SizeIs(10));
  for (int key = 1; key < 6; ++key) {
    EXPECT_THAT(Effects("key" + std::to_string(key)), SizeIs(4));
  }
}

TEST_P(ConsumerTest, ItStopsRatherThanParkTooManyKeys) {
  Inputs(10, 5);
  EffectHandler handler;
  handler.SetFault(
      [](const KeyedEvent&) { return absl::InternalError("all is bad"); });
  ConsumerOptions options = Options();
  options.parked_keys_max = 2;
  EXPECT_THAT(
      CatchUp(handler, options),
      StatusIs(absl::StatusCode::kResourceExhausted,
               AllOf(HasSubstr("more than 2 keys"), HasSubstr("all is bad"))));
  EXPECT_THAT(Parked(), SizeIs(2));
  handler.FailNever();
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Effects("key2"), SizeIs(2)) << "nothing was skipped";
}

TEST_P(ConsumerTest, AnEventThatCannotBeUnderstoodStopsTheConsumer) {
  Input("ada");
  Input("bob", "test.Unreadable");
  Input("ada");
  EffectHandler handler;
  ConsumerOptions options = Options();
  options.batch_events_max = 1;
  EXPECT_THAT(
      CatchUp(handler, options),
      StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr("test.Unreadable"),
                                                  HasSubstr("what is this?"))));
  EXPECT_THAT(Effects("ada"), ElementsAre("ada 1"));
  EXPECT_THAT(Parked(), IsEmpty());
}

// ---- Operators --------------------------------------------------------------

TEST_P(ConsumerTest, AnOperatorAsksForATryAtOnce) {
  Inputs(8, 2);
  EffectHandler handler;
  handler.FailOn("key1 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  handler.FailNever();
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Parked(), SizeIs(1)) << "its time has not come";
  ASSERT_THAT(consumers().RequestParked(kName, "key1", ParkedState::kRetryNow),
              IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Parked(), IsEmpty());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, ATryInVainWaitsAgain) {
  Inputs(4, 1);
  EffectHandler handler;
  handler.FailOn("key0 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  ASSERT_THAT(consumers().RequestParked(kName, "key0", ParkedState::kRetryNow),
              IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_EQ(Parked().at(0).state, ParkedState::kWaiting);
  EXPECT_EQ(Parked().at(0).tries, 4);
  handler.FailOn("key0 3");
  ASSERT_THAT(consumers().RequestParked(kName, "key0", ParkedState::kRetryNow),
              IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Effects("key0"), ElementsAre("key0 1", "key0 2"));
  EXPECT_EQ(Parked().at(0).first_position, Read("input-key0").at(2).position);
  EXPECT_EQ(Parked().at(0).tries, 1);
  EXPECT_EQ(Parked().at(0).held, 2);
}

TEST_P(ConsumerTest, OneEventIsDiscardedAndTheRestGoesOn) {
  Inputs(10, 2);
  EffectHandler handler;
  handler.FailOn("key1 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  ASSERT_THAT(
      consumers().RequestParked(kName, "key1", ParkedState::kDiscardOne),
      IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Parked(), IsEmpty());
  EXPECT_THAT(Effects("key1"),
              ElementsAre("key1 1", "key1 3", "key1 4", "key1 5"));
}

TEST_P(ConsumerTest, AllHeldEventsAreDiscarded) {
  Inputs(250, 2);
  EffectHandler handler;
  handler.FailOn("key1 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_EQ(Parked().at(0).held, 124);
  ASSERT_THAT(
      consumers().RequestParked(kName, "key1", ParkedState::kDiscardAll),
      IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Parked(), IsEmpty());
  EXPECT_THAT(Effects("key1"), ElementsAre("key1 1"));
  const std::string next = Input("key1");
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Effects("key1"), ElementsAre("key1 1", next));
}

TEST_P(ConsumerTest, ARunningConsumerHearsTheOperator) {
  EffectHandler handler;
  handler.FailOn("key1 2");
  auto running = Start(handler, "a", Options());
  Inputs(8, 2);
  Eventually([&] { return running->consumer->Status().parked_keys == 1; });
  handler.FailNever();
  ASSERT_THAT(consumers().RequestParked(kName, "key1", ParkedState::kRetryNow),
              IsOk());
  Eventually([&] { return running->consumer->Status().parked_keys == 0; });
  ASSERT_THAT(running->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, APausedConsumerHandlesNothing) {
  EffectHandler handler;
  ASSERT_THAT(CatchUp(handler), IsOk());
  ASSERT_THAT(consumers().SetPaused(kName, true), IsOk());
  Inputs(4, 1);
  EXPECT_THAT(CatchUp(handler), StatusIs(absl::StatusCode::kFailedPrecondition,
                                         HasSubstr("is paused")));
  auto running = Start(handler, "a", Options());
  Eventually([&] { return running->consumer->Status().slots_held == 8; });
  EXPECT_THAT(Effects("key0"), IsEmpty());
  ASSERT_THAT(consumers().SetPaused(kName, false), IsOk());
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(running->Stop(), IsOk());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, ResetHandlesTheLogAgain) {
  Inputs(10, 1);
  EffectHandler handler;
  handler.FailOn("key0 9");
  auto running = Start(handler, "a", Options());
  Eventually([&] { return VersionOf("effect-key0") == 8; });
  Eventually([&] { return running->consumer->Status().parked_keys == 1; });
  handler.FailNever();
  ASSERT_THAT(consumers().Reset(kName, 0), IsOk());
  Input("key0");  // Whoever works with the old lease is refused.
  Eventually([&] { return VersionOf("effect-key0") == 19; });
  ASSERT_THAT(running->Stop(), IsOk());
  EXPECT_THAT(Parked(), IsEmpty());
  std::vector<std::string> expected = AllInputs("key0");
  std::vector<std::string> effects = Effects("key0");
  EXPECT_EQ(std::vector<std::string>(effects.begin() + 8, effects.end()),
            expected);
}

}  // namespace stele::testing

#endif  // STELE_TESTS_EVENTSTORE_CONSUMER_SUITE_H_
