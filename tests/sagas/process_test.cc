// Sagas run by consumers, as a service runs them: several owners, parked
// instances, many instances at a time.

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/consumer_storage.h"
#include "tests/sagas/process_fixture.h"

namespace stele::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_P(ProcessTest, APoisonousInstanceIsParkedAlone) {
  OpenLeg("a", 100);
  Place("good-1", {"a"});
  Place("bad", {"a"}, "throw");
  Place("good-2", {"a"});
  const auto process = Start("one");
  Await("the bad one is parked", [&] { return Parked().size() == 1; });
  for (const char* trip : {"good-1", "good-2"}) {
    Send(*world_, trips::MakePayTrip({.trip_id = trip}));
  }
  Await("the good ones are done",
        [&] { return CountOf(SagaStatus::kCompleted) == 2; });
  const std::vector<SagaSummary> parked = Parked();
  ASSERT_EQ(parked.size(), 1);
  EXPECT_EQ(parked[0].row.id, "bad");
  EXPECT_THAT(parked[0].parked_cause, HasSubstr("no such place"));
  EXPECT_THAT(process->Stop(), IsOk());
}

TEST_P(ProcessTest, AnEventThatCannotBeReadIsParkedAlone) {
  OpenLeg("a", 100);
  Place("good-1", {"a"});
  const Uuid bad_id = RandomIds().Next();
  ASSERT_THAT(made_.store->Append({.stream_id = "leg-bad",
                                   .events = {{.id = bad_id,
                                               .type = "trips.SeatBooked",
                                               .payload = "\xff\xff",
                                               .metadata = ""}}}),
              IsOk());
  Place("good-2", {"a"});
  const auto process = Start("one");
  Await("the bad one is parked", [&] { return Parked().size() == 1; });
  for (const char* trip : {"good-1", "good-2"}) {
    Send(*world_, trips::MakePayTrip({.trip_id = trip}));
  }
  Await("the good ones are done",
        [&] { return CountOf(SagaStatus::kCompleted) == 2; });
  EXPECT_THAT(process->Stop(), IsOk());
  const std::vector<SagaSummary> parked = Parked();
  ASSERT_EQ(parked.size(), 1);
  EXPECT_THAT(parked[0].row.id, HasSubstr(bad_id.ToString()));
  EXPECT_THAT(parked[0].parked_cause,
              HasSubstr("cannot be read as trips.SeatBooked"));
}

TEST_P(ProcessTest, ATimerWhoseHandlerThrowsParksItsInstanceAlone) {
  OpenLeg("a", 100);
  Place("bad", {"a"}, "throw late");
  Place("good", {"a"});
  const auto process = Start("one");
  const auto waits = [&](const char* trip) {
    const std::optional<SagaRow> row =
        made_.storage->Find("Trip", trip).value();
    return row.has_value() && row->timers == 1;
  };
  Await("both wait", [&] { return waits("bad") && waits("good"); });
  made_.let_pass(absl::Minutes(2));
  Await("the good one is compensated",
        [&] { return CountOf(SagaStatus::kCompensated) == 1; });
  Await("the bad one is parked", [&] { return Parked().size() == 1; });
  EXPECT_EQ(Parked()[0].row.id, "bad");
  EXPECT_THAT(Parked()[0].parked_cause, HasSubstr("too late"));
}

TEST_P(ProcessTest, AStuckCompensationIsInPlainSightUntilAnOperatorHelps) {
  OpenLeg("a", 100);
  OpenLeg("full", 0);
  Send(*world_, trips::MakeSealLeg({.leg_id = "a", .is_sealed = true}));
  Place("t", {"a", "full"});
  const auto process = Start("one");
  Await("it is parked", [&] { return Parked().size() == 1; });
  EXPECT_THAT(Parked()[0].parked_cause, HasSubstr("compensation_stuck"));
  SagaAdmin admin(*made_.store, *made_.storage);
  const absl::StatusOr<SagaStory> stuck = admin.Show("Trip", "t");
  ASSERT_THAT(stuck, IsOk());
  const SagaStepLine& last = stuck->steps.back();
  ASSERT_EQ(last.commands.size(), 1);
  EXPECT_TRUE(last.commands[0].is_undo);
  EXPECT_EQ(last.commands[0].outcome, CommandOutcome::kPending);

  Send(*world_, trips::MakeSealLeg({.leg_id = "a", .is_sealed = false}));
  ASSERT_THAT(made_.store->consumers().RequestParked("saga/Trip", "t",
                                                     ParkedState::kRetryNow),
              IsOk());
  Await("it is compensated",
        [&] { return CountOf(SagaStatus::kCompensated) == 1; });
  Await("it is parked no longer", [&] { return Parked().empty(); });
  EXPECT_THAT(StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed"}),
              ElementsAre("SeatBooked leg-a", "SeatFreed leg-a"));
}

TEST_P(ProcessTest, AThousandSagasAreSharedByTwoOwners) {
  constexpr int kTrips = 1000;
  for (int leg = 0; leg < 20; ++leg) {
    OpenLeg(absl::StrCat("leg", leg), kTrips);
  }
  OpenLeg("full", 0);
  for (int i = 0; i < kTrips; ++i) {
    const std::string leg = absl::StrCat("leg", i % 20);
    Place(absl::StrCat("t", i), i % 4 == 0
                                    ? std::vector<std::string>{leg, "full"}
                                    : std::vector<std::string>{leg});
  }
  const auto one = Start("one");
  const auto two = Start("two");
  Await("every fourth is compensated",
        [&] { return CountOf(SagaStatus::kCompensated) == kTrips / 4; });
  Await("the others have booked",
        [&] { return EventsOf("trips.SeatBooked") == kTrips; });
  for (int i = 0; i < kTrips; ++i) {
    Send(*world_, trips::MakePayTrip({.trip_id = absl::StrCat("t", i)}));
  }
  Await("the others are complete",
        [&] { return CountOf(SagaStatus::kCompleted) == kTrips * 3 / 4; });
  EXPECT_THAT(one->Stop(), IsOk());
  EXPECT_THAT(two->Stop(), IsOk());
  EXPECT_EQ(EventsOf("trips.SeatBooked"), kTrips);
  EXPECT_EQ(EventsOf("trips.SeatFreed"), kTrips / 4);
  EXPECT_TRUE(Parked().empty());
}

INSTANTIATE_TEST_SUITE_P(Stores, ProcessTest, kSagaStores, NameOfStore);

}  // namespace
}  // namespace stele::testing
