// An undo that cannot be carried out is given up by an operator, and the rest
// of the compensation goes on.

#include <atomic>
#include <string>
#include <vector>

#include "stele/eventstore/consumer_storage.h"
#include "tests/sagas/process_fixture.h"

namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SkipUndoTest : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    for (const char* leg : {"a", "b"}) OpenLeg(leg, 100);
    for (const char* leg : {"full", "other"}) OpenLeg(leg, 0);
    Seal("b", true);
  }

  void Seal(const std::string& leg, bool is_sealed) {
    Send(*world_, trips::MakeSealLeg({.leg_id = leg, .is_sealed = is_sealed}));
  }
  // A trip that cannot free its seat in "b", and then frees that in "a".
  void PlaceStuck(const std::string& note = "") {
    Place("t", {"a", "b", "full"}, note);
  }
  void AwaitParked() {
    Await("it is parked", [&] { return Parked().size() == 1; });
  }
  void AwaitCompensated() {
    Await("it is compensated",
          [&] { return CountOf(SagaStatus::kCompensated) == 1; });
    Await("it is parked no longer", [&] { return Parked().empty(); });
  }
  ParkedKey ParkedKeyOf() {
    return made_.store->consumers().ListParked("saga/Trip").value().front();
  }
  void Discard() {
    ASSERT_THAT(made_.store->consumers().RequestDiscard(
                    "saga/Trip", "t", ParkedKeyOf().first_position),
                IsOk());
    Await("it is discarded", [&] { return Parked().empty(); });
  }
  bool MayBeStuck() {
    const absl::StatusOr<std::vector<SagaSummary>> list =
        admin().List({.stuck_after = -absl::Seconds(1)});
    EXPECT_THAT(list, IsOk());
    return list->size() == 1 && list->front().may_be_stuck;
  }
  std::vector<std::string> Inputs() {
    std::vector<std::string> inputs;
    const SagaStory story = admin().Show("Trip", "t").value();
    for (const SagaStepLine& step : story.steps) {
      inputs.push_back(step.input);
    }
    return inputs;
  }
  std::vector<std::string> Freed() {
    return StoryOf(*made_.store, {"trips.SeatFreed"});
  }
  SagaAdmin admin() { return SagaAdmin(*made_.store, *made_.storage); }
};

TEST_P(SkipUndoTest, GoesOnWithTheRest) {
  PlaceStuck();
  const auto process = Start("one");
  AwaitParked();
  const absl::StatusOr<SkippedUndo> skipped = admin().SkipUndo("Trip", "t");
  ASSERT_THAT(skipped, IsOk());
  EXPECT_EQ(skipped->undo.type, "trips.FreeSeat");
  EXPECT_THAT(skipped->undo.body, HasSubstr(R"("leg_id":"b")"));
  EXPECT_FALSE(skipped->was_asked_before);
  AwaitCompensated();
  EXPECT_THAT(Freed(), ElementsAre("SeatFreed leg-a"));

  const absl::StatusOr<SagaStory> story = admin().Show("Trip", "t");
  ASSERT_THAT(story, IsOk());
  const std::size_t steps = story->steps.size();
  EXPECT_EQ(story->steps[steps - 2].input,
            "trips.FreeSeat given up by an operator");
  EXPECT_EQ(story->steps[steps - 3].commands[0].outcome,
            CommandOutcome::kGivenUp);
  EXPECT_EQ(story->steps[steps - 1].input, "trips.FreeSeat undone");
  EXPECT_THAT(admin().SkipUndo("Trip", "t"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("nothing is stuck"),
                             HasSubstr("is compensated"))));
}

TEST_P(SkipUndoTest, IsHarmlessWhenRepeatedBeforeTheEngineHasGoneOn) {
  PlaceStuck();
  ASSERT_NO_FATAL_FAILURE({
    const auto process = Start("one");
    AwaitParked();
  });
  ASSERT_THAT(admin().SkipUndo("Trip", "t"), IsOk());
  const absl::StatusOr<SkippedUndo> again = admin().SkipUndo("Trip", "t");
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->was_asked_before);
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaUndoGivenUp"}),
              ElementsAre("SagaUndoGivenUp saga_Trip-t"));
  const auto process = Start("two");
  AwaitCompensated();
  EXPECT_THAT(Freed(), ElementsAre("SeatFreed leg-a"));
}

TEST_P(SkipUndoTest, TheLastUndoEndsTheCompensation) {
  Seal("a", true);
  PlaceStuck();
  const auto process = Start("one");
  AwaitParked();
  ASSERT_THAT(admin().SkipUndo("Trip", "t"), IsOk());
  Await("the next one is stuck", [&] {
    const auto parked = Parked();
    return parked.size() == 1 && parked.front().row.undos == 1;
  });
  Await("it can be given up, too",
        [&] { return admin().SkipUndo("Trip", "t").ok(); });
  AwaitCompensated();
  EXPECT_THAT(Freed(), IsEmpty());
}

TEST_P(SkipUndoTest, RefusesWhatIsNotStuck) {
  EXPECT_THAT(admin().SkipUndo("Trip", "t"),
              StatusIs(absl::StatusCode::kNotFound));
  Seal("b", false);
  PlaceStuck();
  HoldingDispatcher holding(*world_, "trips.FreeSeat");
  const auto process = Start("one", &holding);
  holding.reached.WaitForNotification();
  EXPECT_THAT(admin().SkipUndo("Trip", "t"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("nothing is stuck"),
                             HasSubstr("is still being tried"))));
  holding.go_on.Notify();
  AwaitCompensated();
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaUndoGivenUp"}), IsEmpty());
}

// The undo is accepted; it is the answer to the step's other command that the
// saga's code cannot bear.
TEST_P(SkipUndoTest, RefusesWhenSomethingElseIsStuck) {
  Seal("b", false);
  PlaceStuck("stubborn and rude");
  const auto process = Start("one");
  AwaitParked();
  EXPECT_THAT(admin().SkipUndo("Trip", "t"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("is not the undo trips.FreeSeat"),
                             HasSubstr("no!"))));
}

// A command of the undo's type, before it in its step: it was never tried.
TEST_P(SkipUndoTest, RefusesWhenAnotherCommandOfTheStepIsStuck) {
  PlaceStuck("frees a seat nowhere");
  const auto process = Start("one");
  AwaitParked();
  EXPECT_THAT(ParkedKeyOf().cause, HasSubstr("command \"trips.FreeSeat\""));
  EXPECT_THAT(admin().SkipUndo("Trip", "t"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("what is stuck is not the undo")));
}

TEST_P(SkipUndoTest, OtherCommandsOfTheStepAreStillAnswered) {
  Seal("full", true);
  Seal("b", false);
  PlaceStuck("stubborn");
  const auto process = Start("one");
  AwaitParked();
  ASSERT_THAT(admin().SkipUndo("Trip", "t"), IsOk());
  AwaitCompensated();
  EXPECT_THAT(Inputs(),
              ElementsAre("trips.TripPlaced", "trips.SeatBooked",
                          "trips.SeatBooked", "trips.BookSeat rejected: full",
                          "trips.BookSeat rejected: full",
                          "trips.FreeSeat given up by an operator",
                          "trips.FreeSeat undone", "trips.FreeSeat undone"));
}

// What was discarded has taken the answer with it; the instance is in plain
// sight, and is helped the same way, though the engine has it in its memory.
TEST_P(SkipUndoTest, HelpsOneWhoseUndoWasDiscarded) {
  PlaceStuck();
  const auto process = Start("one");
  AwaitParked();
  EXPECT_FALSE(MayBeStuck());
  Discard();
  EXPECT_TRUE(MayBeStuck());
  const int steps = EventsOf("stele.SagaStepped");
  Send(*world_, trips::MakePayTrip({.trip_id = "t"}));
  Await("it has heard of it",
        [&] { return EventsOf("stele.SagaStepped") == steps + 1; });
  ASSERT_THAT(admin().SkipUndo("Trip", "t"), IsOk());
  AwaitCompensated();
  EXPECT_THAT(Freed(), ElementsAre("SeatFreed leg-a"));
}

TEST_P(SkipUndoTest, WhatWasDiscardedCanBeTriedAgainInstead) {
  PlaceStuck();
  const auto process = Start("one");
  AwaitParked();
  const std::int64_t failed = ParkedKeyOf().first_position;
  Discard();
  Seal("b", false);
  ASSERT_THAT(made_.store->consumers().Reset("saga/Trip", failed - 1), IsOk());
  AwaitCompensated();
  EXPECT_THAT(Freed(), ElementsAre("SeatFreed leg-b", "SeatFreed leg-a"));
}

// Holds back one undo when told to.
class HoldOnDemand final : public ForwardingDispatcher {
 public:
  using ForwardingDispatcher::ForwardingDispatcher;

  absl::StatusOr<Receipt> DispatchBytes(
      std::string_view type, std::string_view payload,
      const DispatchOptions& options) override {
    if (type == "trips.FreeSeat" && holds_next.exchange(false)) {
      reached.Notify();
      go_on.WaitForNotification();
    }
    return inner().DispatchBytes(type, payload, options);
  }

  std::atomic<bool> holds_next = false;
  absl::Notification reached;
  absl::Notification go_on;
};

// The engine is about to carry out what the operator gives up: the undo takes
// effect after all, and once.
TEST_P(SkipUndoTest, MeetsAnEngineThatIsTryingTheUndo) {
  PlaceStuck();
  HoldOnDemand holding(*world_);
  const auto process = std::make_unique<Process>(
      made_, MakeSagaType<trips::Trips>(), "one", Options(), &holding);
  AwaitParked();
  Seal("b", false);
  holding.holds_next = true;
  ASSERT_THAT(made_.store->consumers().RequestParked("saga/Trip", "t",
                                                     ParkedState::kRetryNow),
              IsOk());
  holding.reached.WaitForNotification();
  const absl::StatusOr<SkippedUndo> skipped = admin().SkipUndo("Trip", "t");
  holding.go_on.Notify();
  EXPECT_THAT(skipped, IsOk());
  AwaitCompensated();
  EXPECT_THAT(Freed(), ElementsAre("SeatFreed leg-b", "SeatFreed leg-a"));
  EXPECT_THAT(
      Inputs(),
      ElementsAre("trips.TripPlaced", "trips.SeatBooked", "trips.SeatBooked",
                  "trips.BookSeat rejected: full", "trips.FreeSeat undone",
                  "trips.FreeSeat given up by an operator",
                  "trips.FreeSeat undone"));
}

INSTANTIATE_TEST_SUITE_P(Stores, SkipUndoTest, kSagaStores, NameOfStore);

}  // namespace
}  // namespace stele::testing
