// A process that stands still while another takes its sagas over, and then goes
// on: nothing is done twice, and what was answered stays answered.

#include <string>

#include "tests/sagas/process_fixture.h"

namespace stele::testing {
namespace {

using ::testing::ElementsAre;

class FrozenOwnerTest : public ProcessTest {
 protected:
  // Starts a process and waits until it stands still with its first command of
  // `type` in its hands.
  void FreezeAt(const std::string& type) {
    holding_ = std::make_unique<HoldingDispatcher>(*world_, type);
    frozen_ = Start("frozen", holding_.get());
    holding_->reached.WaitForNotification();
  }
  // Another one takes over once the lease has run out, by the store's clock.
  void StartOther() {
    other_ = Start("other");
    if (made_.clock != nullptr) made_.clock->Advance(absl::Minutes(1));
  }
  void Thaw() {
    holding_->go_on.Notify();
    EXPECT_THAT(frozen_->Stop(), IsOk());
    EXPECT_THAT(other_->Stop(), IsOk());
  }

  std::unique_ptr<HoldingDispatcher> holding_;
  std::unique_ptr<Process> frozen_;
  std::unique_ptr<Process> other_;
};

TEST_P(FrozenOwnerTest, IsFencedAndNothingIsDoneTwice) {
  OpenLeg("a", 100);
  OpenLeg("full", 0);
  Place("t", {"a", "full"});
  FreezeAt("trips.FreeSeat");
  StartOther();
  Await("the other one has finished",
        [&] { return CountOf(SagaStatus::kCompensated) == 1; });
  const auto steps = StoryOf(*made_.store, {"stele.SagaStepped"});
  Thaw();
  EXPECT_EQ(StoryOf(*made_.store, {"stele.SagaStepped"}), steps);
  EXPECT_THAT(StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed"}),
              ElementsAre("SeatBooked leg-a", "SeatFreed leg-a"));
}

// The seat that was not to be had is free again when the frozen owner goes on.
// It must not be booked for a trip that has been told it was refused, and so
// will never free it.
TEST_P(FrozenOwnerTest, ItsCommandStaysRefusedThoughTheRulesWouldAccept) {
  OpenLeg("a", 1);
  Send(*world_, trips::MakeBookSeat({.leg_id = "a", .trip_id = "walk-in"}));
  Place("t", {"a"});
  FreezeAt("trips.BookSeat");
  StartOther();
  Await("the other one has been refused",
        [&] { return CountOf(SagaStatus::kCompensated) == 1; });
  Send(*world_, trips::MakeFreeSeat({.leg_id = "a", .trip_id = "walk-in"}));
  Thaw();
  EXPECT_THAT(StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed",
                                     "stele.CommandRefused"}),
              ElementsAre("SeatBooked leg-a", "CommandRefused leg-a",
                          "SeatFreed leg-a"));
  EXPECT_EQ(CountOf(SagaStatus::kCompensated), 1);
}

// The seat had been booked for the trip before, so that booking it changed
// nothing. When it was given back and the trip is over, a late copy of the
// command must not book it once more.
TEST_P(FrozenOwnerTest, ItsCommandThatChangedNothingNeverWill) {
  OpenLeg("a", 1);
  Send(*world_, trips::MakeBookSeat({.leg_id = "a", .trip_id = "t"}));
  Place("t", {"a"});
  FreezeAt("trips.BookSeat");
  StartOther();
  Send(*world_, trips::MakePayTrip({.trip_id = "t"}));
  Await("the other one has finished",
        [&] { return CountOf(SagaStatus::kCompleted) == 1; });
  Send(*world_, trips::MakeFreeSeat({.leg_id = "a", .trip_id = "t"}));
  Thaw();
  EXPECT_THAT(StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed"}),
              ElementsAre("SeatBooked leg-a", "SeatFreed leg-a"));
  EXPECT_EQ(EventsOf("stele.CommandChangedNothing"), 1);
}

INSTANTIATE_TEST_SUITE_P(Stores, FrozenOwnerTest, kSagaStores, NameOfStore);

}  // namespace
}  // namespace stele::testing
