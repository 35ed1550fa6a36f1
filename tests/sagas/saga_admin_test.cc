// What operators are told of sagas.

#include <string>
#include <vector>

#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/transaction.h"
#include "tests/sagas/engine_fixture.h"

namespace stele::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SagaAdminTest : public EngineTest {};

TEST_P(SagaAdminTest, StoryAndListTellWhatHappened) {
  OpenLegs({"a"});
  OpenLegs({"full"}, 0);
  Place("t", {"a", "full"});
  Place("u", {"a"});
  RunTrips();
  SagaAdmin admin(*made_.store, *made_.storage);
  absl::StatusOr<SagaStory> story = admin.Show("Trip", "t");
  ASSERT_THAT(story, IsOk());
  std::vector<std::string> inputs;
  for (const SagaStepLine& step : story->steps) inputs.push_back(step.input);
  EXPECT_THAT(inputs,
              ElementsAre("trips.TripPlaced", "trips.SeatBooked",
                          "trips.BookSeat rejected: full",
                          "trips.FreeSeat undone", "trips.FreeSeat undone"));
  EXPECT_EQ(story->steps[1].commands[0].outcome, CommandOutcome::kRejected);
  EXPECT_EQ(story->steps[1].commands[0].reason, "full");
  EXPECT_TRUE(story->steps[2].commands[0].is_undo);
  EXPECT_EQ(story->steps[2].commands[0].body,
            R"({"leg_id":"full","trip_id":"t"})");
  EXPECT_THAT(story->steps[0].state, HasSubstr(R"("leg_ids":["a","full"])"));
  EXPECT_EQ(story->summary.row.reason, "full");

  absl::StatusOr<SagaStory> waiting = admin.Show("Trip", "u");
  ASSERT_THAT(waiting, IsOk());
  ASSERT_EQ(waiting->waiting_timers.size(), 1);
  EXPECT_EQ(waiting->waiting_timers[0].name, "payment");
  ASSERT_EQ(waiting->undo_stack.size(), 1);

  absl::StatusOr<std::vector<SagaSummary>> active =
      admin.List({.saga = "Trip", .status = SagaStatus::kActive});
  ASSERT_THAT(active, IsOk());
  ASSERT_EQ(active->size(), 1);
  EXPECT_EQ(active->front().row.id, "u");
  EXPECT_THAT(admin.Show("Trip", "nobody"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(SagaAdminTest, AnInstanceThatNothingCanMoveIsMarked) {
  OpenLegs({"a"});
  Place("waits for its payment", {"a"});
  RunTrips();
  // Handled by a consumer that has come this far; the timer is lost.
  ASSERT_THAT(made_.store->consumers().Register("saga/Trip", options_.slots,
                                                made_.store->Head().value()),
              IsOk());
  SagaRow row = **made_.storage->Find("Trip", "waits for its payment");
  row.timers = 0;
  ASSERT_THAT(made_.store->Transact([&](Transaction& tx) -> absl::Status {
    const SagaWrite write = {
        .row = row, .set_timers = {}, .dropped_timers = {"payment"}};
    return made_.storage->Write(tx, {&write, 1});
  }),
              IsOk());
  SagaAdmin admin(*made_.store, *made_.storage);
  const auto may_be_stuck = [&](absl::Duration after) {
    absl::StatusOr<std::vector<SagaSummary>> list =
        admin.List({.stuck_after = after});
    EXPECT_THAT(list, IsOk());
    return list->size() == 1 && list->front().may_be_stuck;
  };
  EXPECT_FALSE(may_be_stuck(absl::Hours(1)));
  EXPECT_TRUE(may_be_stuck(-absl::Seconds(1)));
}

TEST_P(SagaAdminTest, CommandsAreOutUntilTheirStepIsHandled) {
  OpenLegs({"a"});
  Place("t", {"a"});
  ASSERT_THAT(trips_->RunOnce(500), IsOkAndHolds(true));
  const auto register_at = [&](std::int64_t position) {
    made_.store->consumers().Forget("saga/Trip").IgnoreError();
    ASSERT_THAT(made_.store->consumers().Register("saga/Trip", options_.slots,
                                                  position),
                IsOk());
  };
  const auto has_commands_out = [&] {
    SagaAdmin admin(*made_.store, *made_.storage);
    absl::StatusOr<std::vector<SagaSummary>> list = admin.List({});
    EXPECT_THAT(list, IsOk());
    return list->size() == 1 && list->front().has_commands_out;
  };
  EXPECT_TRUE(has_commands_out());  // Nobody has run the saga yet.
  register_at(trips_checkpoint_.position);
  EXPECT_TRUE(has_commands_out());
  RunTrips();
  register_at(trips_checkpoint_.position);
  EXPECT_FALSE(has_commands_out());
}

TEST_P(SagaAdminTest, CountsAreBySagaAndStatus) {
  OpenLegs({"a"});
  OpenLegs({"full"}, 0);
  Place("t", {"full"});
  Place("u", {"a"});
  Place("v", {"a"});
  RunTrips();
  Pay("u");
  RunTrips();
  SagaAdmin admin(*made_.store, *made_.storage);
  absl::StatusOr<std::vector<SagaCounts>> counts = admin.Count();
  ASSERT_THAT(counts, IsOk());
  ASSERT_EQ(counts->size(), 1);
  EXPECT_EQ(counts->front().saga, "Trip");
  EXPECT_EQ(counts->front().active, 1);
  EXPECT_EQ(counts->front().completed, 1);
  EXPECT_EQ(counts->front().compensated, 1);
}

INSTANTIATE_TEST_SUITE_P(Stores, SagaAdminTest, kSagaStores, NameOfStore);

}  // namespace
}  // namespace stele::testing
