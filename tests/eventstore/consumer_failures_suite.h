#ifndef STELE_TESTS_EVENTSTORE_CONSUMER_FAILURES_SUITE_H_
#define STELE_TESTS_EVENTSTORE_CONSUMER_FAILURES_SUITE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "consumer_fixture.h"

// Part of consumer_suite.h: what a Consumer does about errors.
namespace stele::testing {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

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

// Fails whenever it meets the event it is told of. Gives up when it has failed
// so often that nobody seems to mind.
class LastingFault {
 public:
  LastingFault(std::string payload, absl::Status error)
      : payload_(std::move(payload)), error_(std::move(error)) {}

  // For EffectHandler::SetFault().
  absl::Status operator()(const KeyedEvent& event) {
    if (event.event.payload != payload_) return absl::OkStatus();
    if (++tries > 200) return absl::CancelledError("for ever and ever");
    return error_;
  }

  std::atomic<int> tries{0};

 private:
  const std::string payload_;
  const absl::Status error_;
};

TEST_P(ConsumerTest, AnErrorThatShouldPassAndDoesNotIsParked) {
  int keys = 0;
  for (const absl::Status& error :
       {absl::DeadlineExceededError("statement timeout"),
        absl::ResourceExhaustedError("out of memory"),
        absl::UnavailableError("no answer"), absl::AbortedError("again"),
        absl::UnknownError("who knows")}) {
    const std::string bad = "bad" + std::to_string(++keys);
    Inputs(30, 3);
    for (int i = 0; i < 4; ++i) Input(bad);
    Inputs(30, 3);
    EffectHandler handler;
    LastingFault fault(bad + " 3", error);
    handler.SetFault(std::ref(fault));
    ASSERT_THAT(CatchUp(handler), IsOk());
    ASSERT_THAT(Parked(), SizeIs(keys));
    EXPECT_EQ(Parked().back().key, bad);
    EXPECT_EQ(Parked().back().tries, 8);
    EXPECT_THAT(Parked().back().cause, HasSubstr(error.message()));
    EXPECT_THAT(Effects(bad), SizeIs(2));
    EXPECT_LT(fault.tries, 20);
  }
  for (const char* key : {"key0", "key1", "key2"}) {
    EXPECT_EQ(Effects(key), AllInputs(key));
  }
}

TEST_P(ConsumerTest, AParkedKeyThatFailsWithoutEndDelaysNoOther) {
  Inputs(9, 3);
  EffectHandler handler;
  handler.FailOn("key1 2");
  ASSERT_THAT(CatchUp(handler), IsOk());
  LastingFault fault("key1 2", absl::DeadlineExceededError("too slow"));
  handler.SetFault(std::ref(fault));
  ASSERT_THAT(consumers().RequestParked(kName, "key1", ParkedState::kRetryNow),
              IsOk());
  Inputs(9, 3);
  ASSERT_THAT(CatchUp(handler), IsOk());
  EXPECT_EQ(fault.tries, 1);
  EXPECT_THAT(Effects("key0"), SizeIs(6));
  EXPECT_THAT(Effects("key2"), SizeIs(6));
  ASSERT_THAT(Parked(), SizeIs(1));
  EXPECT_EQ(Parked()[0].held, 5);
  EXPECT_EQ(Parked()[0].tries, 4);
  EXPECT_THAT(Parked()[0].cause, HasSubstr("too slow"));
  EXPECT_GT(Parked()[0].next_try, clock().Now());
}

// The relay: its broker is away for all events, however long.
TEST_P(ConsumerTest, AHandlerMayHaveItThatSuchErrorsAreNeverParked) {
  Inputs(20, 4);
  EffectHandler handler;
  std::atomic<int> failures{0};
  handler.SetFault([&](const KeyedEvent&) -> absl::Status {
    if (++failures > 60) return absl::OkStatus();
    return absl::UnavailableError("no broker");
  });
  ConsumerOptions options = Options();
  options.transient_tries_before_parking = 0;
  ASSERT_THAT(CatchUp(handler, options), IsOk());
  EXPECT_GT(failures, 60);
  EXPECT_EQ(handler.largest_batch, 20u);
  EXPECT_THAT(Parked(), IsEmpty());
  ExpectEachInputHadItsEffectOnceInOrder();
}

TEST_P(ConsumerTest, TooManyErrorsThatShouldPassDoNotEndIt) {
  Inputs(20, 4);
  EffectHandler handler;
  std::atomic<int> failures{0};
  handler.SetFault([&](const KeyedEvent&) -> absl::Status {
    if (++failures > 60) return absl::OkStatus();
    return absl::UnavailableError("no gateway");
  });
  ConsumerOptions options = Options();
  options.parked_keys_max = 1;
  ASSERT_THAT(CatchUp(handler, options), IsOk());
  EXPECT_THAT(Parked(), SizeIs(1));
}

// Each event takes an eighth of the lease, and none of them keeps it: whoever
// takes longer finds its batch fenced.
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

}  // namespace stele::testing

#endif  // STELE_TESTS_EVENTSTORE_CONSUMER_FAILURES_SUITE_H_
