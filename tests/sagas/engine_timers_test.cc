// Timers of sagas: when they run out, and when they are void.

#include <string>
#include <vector>

#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/forwarding_store.h"
#include "stele/eventstore/transaction.h"
#include "tests/sagas/engine_fixture.h"

namespace stele::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EngineTimersTest : public EngineTest {};

TEST_P(EngineTimersTest, ATimerElapsesOnceAndNotEarly) {
  OpenLegs({"a"});
  Place("t", {"a"});
  RunTrips();
  made_.let_pass(absl::Seconds(50));
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kActive);
  Restart();  // The timer is not kept in memory.
  made_.let_pass(absl::Seconds(11));
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompensated);
  EXPECT_THAT(Seats(), ElementsAre("SeatBooked leg-a", "SeatFreed leg-a"));
  Restart();
  RunTrips();
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaTimerElapsed"}),
              ElementsAre("SagaTimerElapsed saga_Trip-t"));
}

TEST_P(EngineTimersTest, ATimerIsCancelledByTheEndOfTheSaga) {
  OpenLegs({"a"});
  Place("t", {"a"});
  RunTrips();
  Pay("t");
  RunTrips();
  made_.let_pass(absl::Hours(1));
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompleted);
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaTimerElapsed"}), IsEmpty());
}

TEST_P(EngineTimersTest, ATimerStartedAnewWaitsItsWholeTime) {
  OpenLegs({"a"});
  Place("t", {"a"}, "patient");
  RunTrips();
  made_.let_pass(absl::Seconds(50));
  Pay("t");  // The patient wait from here.
  RunTrips();
  made_.let_pass(absl::Seconds(50));
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kActive);
  made_.let_pass(absl::Seconds(11));
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompensated);
}

// A store whose transactions fail at times for reasons of its own.
class RefusingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override {
    if (refusals_left > 0) {
      --refusals_left;
      return absl::FailedPreconditionError("the tables are missing");
    }
    return inner().Transact(work);
  }

  int refusals_left = 0;
};

// Only the store's word that the stream is closed makes a timer void; one that
// was dropped by mistake would leave its saga waiting for ever.
TEST_P(EngineTimersTest, ATimerIsVoidOnlyIfItsStreamIsClosed) {
  OpenLegs({"a", "b"});
  Place("t", {"a"});
  Place("closed", {"b"});
  RunTrips();
  made_.let_pass(absl::Minutes(2));
  RefusingStore store(*made_.store);
  HandDriver driver(MakeSagaType<trips::Trips>(), store, *made_.storage,
                    trips_checkpoint_, options_);
  store.refusals_left = 2;  // All together, then one by one.
  EXPECT_THAT(driver.Tick(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaTimerElapsed"}), IsEmpty());

  ASSERT_THAT(
      made_.store->Tombstone("saga_Trip-closed", ExpectedVersion::Any()),
      IsOk());
  ASSERT_THAT(driver.Tick(), IsOk());
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaTimerElapsed"}),
              ElementsAre("SagaTimerElapsed saga_Trip-t"));
  ASSERT_THAT(driver.RunUntilIdle(), IsOk());
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompensated);
  ExpectNoTimers("closed");
  SagaAdmin admin(*made_.store, *made_.storage);
  ASSERT_THAT(made_.store->consumers().Register("saga/Trip", options_.slots,
                                                made_.store->Head().value()),
              IsOk());
  const absl::StatusOr<std::vector<SagaSummary>> list = admin.List(
      {.status = SagaStatus::kActive, .stuck_after = -absl::Seconds(1)});
  ASSERT_THAT(list, IsOk());
  ASSERT_EQ(list->size(), 1);
  EXPECT_FALSE(list->front().has_commands_out);
  EXPECT_FALSE(list->front().may_be_stuck);
}

// As after the restore of some tables only. No other timer waits for it.
TEST_P(EngineTimersTest, ATimerIsVoidIfItsStreamIsNotThere) {
  OpenLegs({"a"});
  Place("t", {"a"});
  RunTrips();
  ASSERT_THAT(made_.store->Transact([&](Transaction& tx) -> absl::Status {
    const SagaTimerRow timer = {.slot = 0,
                                .id = "lost",
                                .name = "payment",
                                .set_version = 1,
                                .due_at = absl::UnixEpoch()};
    const SagaWrite write = {.row = {.saga = "Trip",
                                     .id = "lost",
                                     .steps = 1,
                                     .timers = 1,
                                     .next_timer_at = timer.due_at},
                             .set_timers = {timer},
                             .dropped_timers = {}};
    return made_.storage->Write(tx, {&write, 1});
  }),
              IsOk());
  made_.let_pass(absl::Minutes(2));
  ASSERT_THAT(trips_->Tick(), IsOk());
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaTimerElapsed"}),
              ElementsAre("SagaTimerElapsed saga_Trip-t"));
  const std::vector<int> slots = {0};
  EXPECT_THAT(made_.storage->ReadDue("Trip", slots, 10)->timers, IsEmpty());
  ExpectNoTimers("lost");
}

TEST_P(EngineTimersTest, ATimeOutDoesNotBeatAnEventThatStoodInTheLogBefore) {
  OpenLegs({"a"});
  Place("t", {"a"});
  RunTrips();
  made_.let_pass(absl::Hours(1));
  Pay("t");  // Not yet handled when the timer is taken up.
  ASSERT_THAT(trips_->Tick(), IsOk());
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompleted);
  EXPECT_THAT(Seats(), ElementsAre("SeatBooked leg-a"));
}

INSTANTIATE_TEST_SUITE_P(Stores, EngineTimersTest, kSagaStores, NameOfStore);

}  // namespace
}  // namespace stele::testing
