#ifndef STELE_TESTS_EVENTSTORE_CONSUMER_COURSE_SUITE_H_
#define STELE_TESTS_EVENTSTORE_CONSUMER_COURSE_SUITE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "consumer_fixture.h"

// Part of consumer_suite.h: how a Consumer works when nothing goes wrong.
namespace stele::testing {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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
  const ConsumerActivity snapshot = running->consumer->Activity();
  EXPECT_TRUE(snapshot.is_running);
  EXPECT_EQ(snapshot.slots_held, 8);
  EXPECT_EQ(handler.slots_at_tick, 8u);
  EXPECT_THAT(snapshot.last_error, IsOk());
  EXPECT_THAT(running->Stop(), IsOk());
  EXPECT_FALSE(running->consumer->Activity().is_running);
  EXPECT_EQ(running->consumer->Activity().events_handled, 20);
  for (const SlotStatus& slot : Slots()) {
    EXPECT_EQ(slot.owner, "") << "leases are released at the end";
  }
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, TicksThatFailDoNotKeepEventsWaiting) {
  EffectHandler handler;
  handler.fails_to_tick = true;
  ConsumerOptions options = Options();
  options.clock = nullptr;
  options.tick = absl::Nanoseconds(1);  // Every turn.
  auto running = Start(handler, "a", options);
  Eventually([&] { return handler.ticks > 3; });
  Inputs(10, 2);
  Eventually([&] { return HasAllEffects(); });
  const int ticks = handler.ticks;
  Eventually([&] { return handler.ticks > ticks; });
  EXPECT_THAT(running->consumer->Activity().last_error,
              StatusIs(absl::StatusCode::kUnavailable));

  handler.fails_to_tick = false;
  Eventually([&] { return running->consumer->Activity().last_error.ok(); });
  EXPECT_THAT(running->Stop(), IsOk());
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
  std::vector<ConsumerOptions> wrong(12, Options());
  wrong[0].name = "";
  wrong[1].slots = 0;
  wrong[2].batch_events_max = 0;
  wrong[3].batch_bytes_max = 0;
  wrong[4].lease = absl::ZeroDuration();
  wrong[5].tick = absl::ZeroDuration();
  wrong[6].tries_before_parking = 0;
  wrong[7].categories = {"not-a-category"};
  wrong[8].start_position = -1;
  wrong[9].scan_positions_max = 0;
  wrong[10].handle_time_max = absl::ZeroDuration();
  wrong[11].transient_tries_before_parking = -1;
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

// Notes where the slots stand, every turn; is interested in nothing.
class WatchingHandler final : public BatchHandler {
 public:
  explicit WatchingHandler(std::function<std::int64_t()> look)
      : look_(std::move(look)) {}

  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent&) override {
    return std::nullopt;
  }
  absl::Status Handle(std::span<const KeyedEvent>, CommitBatch) override {
    return absl::InternalError("nothing to handle");
  }
  absl::Status OnTick(std::span<const int>) override {
    seen.insert(look_());
    return absl::OkStatus();
  }

  std::set<std::int64_t> seen;

 private:
  const std::function<std::int64_t()> look_;
};

TEST_P(ConsumerTest, CheckpointsMoveDuringALongReadOfOtherTypes) {
  for (int i = 0; i < 100; ++i) last_ = Append("input-1", 50).position;
  WatchingHandler handler([this] { return SlotPositions().at(0); });
  ConsumerOptions options = Options();
  options.types = {"test.Wanted"};
  options.scan_positions_max = 100;
  options.clock = nullptr;
  options.tick = absl::Nanoseconds(1);  // Every turn.
  ASSERT_THAT(CatchUp(handler, options), IsOk());
  EXPECT_THAT(handler.seen, SizeIs(Ge(4u)));
  EXPECT_THAT(SlotPositions(), Each(Ge(last_)));
}

}  // namespace stele::testing

#endif  // STELE_TESTS_EVENTSTORE_CONSUMER_COURSE_SUITE_H_
