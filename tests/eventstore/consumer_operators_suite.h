#ifndef STELE_TESTS_EVENTSTORE_CONSUMER_OPERATORS_SUITE_H_
#define STELE_TESTS_EVENTSTORE_CONSUMER_OPERATORS_SUITE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "consumer_fixture.h"

// Part of consumer_suite.h: what operators can do with a Consumer.
namespace stele::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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
      consumers().RequestDiscard(kName, "key1", Parked().at(0).first_position),
      IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Parked(), IsEmpty());
  EXPECT_THAT(Effects("key1"),
              ElementsAre("key1 1", "key1 3", "key1 4", "key1 5"));
}

// The operator asks while the event is being tried once more, this time with
// success: the next one, which fails in its turn, was not meant.
TEST_P(ConsumerTest, OnlyTheEventThatWasMeantIsDiscarded) {
  Inputs(10, 2);
  EffectHandler handler;
  handler.FailOn("key1 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  const std::int64_t seen = Parked().at(0).first_position;
  handler.SetFault([&](const KeyedEvent& event) -> absl::Status {
    if (event.event.payload == "key1 2") {
      return consumers().RequestDiscard(kName, "key1", seen);
    }
    if (event.event.payload == "key1 3") return absl::InternalError("bad too");
    return absl::OkStatus();
  });
  ASSERT_THAT(consumers().RequestParked(kName, "key1", ParkedState::kRetryNow),
              IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_THAT(Effects("key1"), ElementsAre("key1 1", "key1 2"));
  ASSERT_THAT(Parked(), SizeIs(1));
  EXPECT_EQ(Parked()[0].held, 3);
  EXPECT_EQ(Parked()[0].first_position, Read("input-key1").at(2).position);
  EXPECT_EQ(Parked()[0].state, ParkedState::kWaiting);
}

TEST_P(ConsumerTest, AWishToDiscardWhatIsGoneIsDropped) {
  Inputs(10, 2);
  EffectHandler handler;
  handler.FailOn("key1 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  const std::int64_t seen = Parked().at(0).first_position;
  ASSERT_THAT(consumers().RequestDiscard(kName, "key1", seen), IsOk());
  ASSERT_THAT(store().Transact([&](Transaction& tx) {
    return consumers().Unhold(tx, kName, "key1", seen);
  }),
              IsOk());
  handler.FailOn("key1 3");
  ASSERT_THAT(CatchUp(handler), IsOk());
  ASSERT_THAT(Parked(), SizeIs(1));
  EXPECT_EQ(Parked()[0].held, 3);
  EXPECT_EQ(Parked()[0].first_position, Read("input-key1").at(2).position);
  EXPECT_EQ(Parked()[0].state, ParkedState::kWaiting);
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
  Eventually([&] { return running->consumer->Activity().parked_keys == 1; });
  handler.FailNever();
  ASSERT_THAT(consumers().RequestParked(kName, "key1", ParkedState::kRetryNow),
              IsOk());
  Eventually([&] { return running->consumer->Activity().parked_keys == 0; });
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
  Eventually([&] { return running->consumer->Activity().slots_held == 8; });
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
  Eventually([&] { return running->consumer->Activity().parked_keys == 1; });
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

#endif  // STELE_TESTS_EVENTSTORE_CONSUMER_OPERATORS_SUITE_H_
