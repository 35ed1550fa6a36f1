// What a saga's engine does with its input, step by step and without a
// consumer, on every store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "stele/base/uuid.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/forwarding_store.h"
#include "stele/eventstore/transaction.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"
#include "tests/sagas/saga_world.h"
#include "tests/sagas/stores.h"
#include "tests/sagas/trip_rules.h"

namespace stele::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EngineTest : public ::testing::TestWithParam<SagaStoreKind> {
 protected:
  void SetUp() override {
    made_ = GetParam().make();
    Restart();
  }

  // A new process: nothing is remembered but what the store holds.
  void Restart() {
    trips_ = std::make_unique<HandDriver>(MakeSagaType<trips::Trips>(),
                                          *made_.store, *made_.storage,
                                          trips_checkpoint_, options_);
    transfers_ = std::make_unique<HandDriver>(MakeSagaType<bank::Transfers>(),
                                              *made_.store, *made_.storage,
                                              transfers_checkpoint_, options_);
  }

  Dispatcher& world() { return trips_->dispatcher(); }

  void OpenLegs(const std::vector<std::string>& legs, std::int64_t seats = 10) {
    for (const std::string& leg : legs) {
      Send(world(), trips::MakeOpenLeg({.leg_id = leg, .seats = seats}));
    }
  }
  void Place(const std::string& trip, const std::vector<std::string>& legs,
             const std::string& note = "", std::int64_t patience = 60) {
    trips::PlaceTrip place;
    place.set_trip_id(trip);
    for (const std::string& leg : legs) place.add_leg_ids(leg);
    place.set_patience_seconds(patience);
    place.set_note(note);
    Send(world(), place);
  }
  void Pay(const std::string& trip) {
    Send(world(), trips::MakePayTrip({.trip_id = trip}));
  }
  void RunTrips() { ASSERT_THAT(trips_->RunUntilIdle(), IsOk()); }

  SagaStatus StatusOf(const std::string& name, const std::string& instance) {
    absl::StatusOr<std::optional<SagaRow>> row =
        made_.storage->Find(name, instance);
    EXPECT_THAT(row, IsOk());
    EXPECT_TRUE(row->has_value()) << name << " " << instance;
    return row->has_value() ? (*row)->status : SagaStatus::kParked;
  }
  std::vector<std::string> Seats() {
    return StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed"});
  }
  std::vector<std::string> Money() {
    return StoryOf(*made_.store,
                   {"bank.Withdrawn", "bank.Deposited", "bank.Refunded"});
  }

  SagaStore made_;
  SagaEngineOptions options_;
  Checkpoint trips_checkpoint_;
  Checkpoint transfers_checkpoint_;
  std::unique_ptr<HandDriver> trips_;
  std::unique_ptr<HandDriver> transfers_;
};

TEST_P(EngineTest, ATransferWithdrawsAndDeposits) {
  Send(world(), bank::MakeOpenAccount({.account_id = "ada", .owner = "Ada"}));
  Send(world(), bank::MakeOpenAccount({.account_id = "bob", .owner = "Bob"}));
  Send(world(), bank::MakeDeposit({.account_id = "ada", .amount_cents = 100}));
  Send(world(), bank::MakeRequestTransfer({.account_id = "ada",
                                           .transfer_id = "t-1",
                                           .to_account_id = "bob",
                                           .amount_cents = 30}));
  ASSERT_THAT(transfers_->RunUntilIdle(), IsOk());
  EXPECT_THAT(Money(),
              ElementsAre("Deposited account-ada", "Withdrawn account-ada",
                          "Deposited account-bob"));
  EXPECT_EQ(StatusOf("Transfer", "t-1"), SagaStatus::kCompleted);
}

TEST_P(EngineTest, ARefusedDepositIsRefunded) {
  Send(world(), bank::MakeOpenAccount({.account_id = "ada", .owner = "Ada"}));
  Send(world(), bank::MakeDeposit({.account_id = "ada", .amount_cents = 100}));
  Send(world(), bank::MakeRequestTransfer({.account_id = "ada",
                                           .transfer_id = "t-1",
                                           .to_account_id = "nobody",
                                           .amount_cents = 30}));
  ASSERT_THAT(transfers_->RunUntilIdle(), IsOk());
  EXPECT_THAT(Money(),
              ElementsAre("Deposited account-ada", "Withdrawn account-ada",
                          "Refunded account-ada"));
  EXPECT_EQ(StatusOf("Transfer", "t-1"), SagaStatus::kCompensated);
  absl::StatusOr<std::optional<SagaRow>> row =
      made_.storage->Find("Transfer", "t-1");
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ((*row)->reason, "not_open");
}

TEST_P(EngineTest, CompensationUndoesTheLatestFirst) {
  OpenLegs({"a", "b"});
  OpenLegs({"full"}, 0);
  Place("t", {"a", "b", "full"});
  RunTrips();
  EXPECT_THAT(Seats(), ElementsAre("SeatBooked leg-a", "SeatBooked leg-b",
                                   "SeatFreed leg-b", "SeatFreed leg-a"));
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompensated);
}

TEST_P(EngineTest, ManyInputsOfOneInstanceInOneBatchAreConsecutiveSteps) {
  OpenLegs({"a"});
  Place("t", {"a"});
  Pay("t");  // Placed and paid are met in one batch.
  ASSERT_THAT(trips_->RunOnce(500), IsOkAndHolds(true));
  EXPECT_THAT(
      StoryOf(*made_.store, {"stele.SagaStepped"}),
      ElementsAre("SagaStepped saga_Trip-t", "SagaStepped saga_Trip-t"));
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompleted);
}

TEST_P(EngineTest, HandlingTheLogAgainChangesNothing) {
  OpenLegs({"a", "b"});
  OpenLegs({"full"}, 0);
  Place("done", {"a", "b"});
  Place("undone", {"a", "full"});
  RunTrips();
  Pay("done");
  RunTrips();
  const auto seats = Seats();
  const auto steps = StoryOf(*made_.store, {"stele.SagaStepped"});
  for (const int batch : {1, 3, 500}) {
    trips_checkpoint_.position = 0;
    Restart();
    ASSERT_THAT(trips_->RunUntilIdle(batch), IsOk());
    EXPECT_EQ(Seats(), seats);
    EXPECT_EQ(StoryOf(*made_.store, {"stele.SagaStepped"}), steps);
  }
}

TEST_P(EngineTest, LateUnknownAndSecondStartsAreDropped) {
  OpenLegs({"a"});
  Pay("never placed");
  Place("t", {"a"});
  RunTrips();
  Place("t", {"a"});  // Once more.
  RunTrips();
  Pay("t");
  RunTrips();
  const auto steps = StoryOf(*made_.store, {"stele.SagaStepped"});
  Pay("t");
  Place("t", {"a"});
  RunTrips();
  EXPECT_EQ(StoryOf(*made_.store, {"stele.SagaStepped"}), steps);
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompleted);
  absl::StatusOr<std::optional<SagaRow>> never =
      made_.storage->Find("Trip", "never placed");
  ASSERT_THAT(never, IsOk());
  EXPECT_FALSE(never->has_value());
}

TEST_P(EngineTest, ATimerElapsesOnceAndNotEarly) {
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

TEST_P(EngineTest, ATimerIsCancelledByTheEndOfTheSaga) {
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

TEST_P(EngineTest, ATimerStartedAnewWaitsItsWholeTime) {
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
TEST_P(EngineTest, ATimerIsVoidOnlyIfItsStreamIsClosed) {
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
}

// As after the restore of some tables only. No other timer waits for it.
TEST_P(EngineTest, ATimerIsVoidIfItsStreamIsNotThere) {
  OpenLegs({"a"});
  Place("t", {"a"});
  RunTrips();
  ASSERT_THAT(made_.store->Transact([&](Transaction& tx) -> absl::Status {
    const SagaTimerRow timer = {.slot = 0,
                                .id = "lost",
                                .name = "payment",
                                .set_version = 1,
                                .due_at = absl::UnixEpoch()};
    const SagaWrite write = {
        .row = {.saga = "Trip", .id = "lost", .steps = 1, .timers = 1},
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
}

TEST_P(EngineTest, ATimeOutDoesNotBeatAnEventThatStoodInTheLogBefore) {
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

TEST_P(EngineTest, ARefusedUndoIsTriedAgainFromWhereItStood) {
  OpenLegs({"a", "b"});
  OpenLegs({"full"}, 0);
  Send(world(), trips::MakeSealLeg({.leg_id = "a", .is_sealed = true}));
  Place("t", {"a", "b", "full"});
  absl::Status stuck = trips_->RunUntilIdle();
  EXPECT_THAT(stuck, StatusIs(absl::StatusCode::kFailedPrecondition,
                              HasSubstr("compensation_stuck")));
  EXPECT_THAT(stuck, StatusIs(absl::StatusCode::kFailedPrecondition,
                              HasSubstr("sealed")));
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompensating);
  Send(world(), trips::MakeSealLeg({.leg_id = "a", .is_sealed = false}));
  RunTrips();
  EXPECT_THAT(Seats(), ElementsAre("SeatBooked leg-a", "SeatBooked leg-b",
                                   "SeatFreed leg-b", "SeatFreed leg-a"));
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kCompensated);
}

// What the saga acts on is recorded by the aggregate; what it does not act on,
// the refusal of an undo, is not, for it is to be tried again.
TEST_P(EngineTest, RefusalsAreRecordedButNotThoseOfUndos) {
  OpenLegs({"a"});
  OpenLegs({"full"}, 0);
  Send(world(), trips::MakeSealLeg({.leg_id = "a", .is_sealed = true}));
  Place("t", {"a", "full"});
  EXPECT_THAT(trips_->RunUntilIdle(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("compensation_stuck")));
  EXPECT_THAT(StoryOf(*made_.store, {"stele.CommandRefused"}),
              ElementsAre("CommandRefused leg-full"));
}

TEST_P(EngineTest, BadStateIsRefusedBeforeItIsStored) {
  OpenLegs({"a"});
  Place("huge", {"a"}, "huge");
  EXPECT_THAT(trips_->RunUntilIdle(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("at most 1048576 can be stored")));
  trips_checkpoint_.position =
      made_.store->Head().value();  // As if it were parked.
  Place("text", {"a"}, "broken text");
  EXPECT_THAT(trips_->RunUntilIdle(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("not valid UTF-8")));
  trips_checkpoint_.position = made_.store->Head().value();
  Place("boom", {"a"}, "throw");
  EXPECT_THAT(trips_->RunUntilIdle(), StatusIs(absl::StatusCode::kInternal,
                                               HasSubstr("no such place")));
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaStepped"}), IsEmpty());
}

// What could not be read back could not be sent either.
TEST_P(EngineTest, ABrokenCommandOrUndoIsRefusedBeforeItIsStored) {
  OpenLegs({"a"});
  Place("sends", {"a"}, "broken command");
  EXPECT_THAT(trips_->RunUntilIdle(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("field trip_id of the command "
                                 "trips.BookSeat is not well-formed UTF-8")));
  trips_checkpoint_.position = made_.store->Head().value();
  Place("undoes", {"a"}, "broken undo");
  EXPECT_THAT(trips_->RunUntilIdle(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("field trip_id of the undo "
                                 "trips.FreeSeat is not well-formed UTF-8")));
  EXPECT_THAT(StoryOf(*made_.store, {"stele.SagaStepped"}), IsEmpty());
}

TEST_P(EngineTest, BytesThatCannotBeReadSayWhere) {
  OpenLegs({"a"});
  ASSERT_THAT(made_.store->Append({.stream_id = "saga_Trip-t",
                                   .events = {{.id = RandomIds().Next(),
                                               .type = "stele.SagaStepped",
                                               .payload = "\xff\xff",
                                               .metadata = ""}}}),
              IsOk());
  EXPECT_THAT(trips_->RunUntilIdle(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("saga_Trip-t")));
}

TEST_P(EngineTest, AStepWithAnUnknownCommandSaysWhich) {
  OpenLegs({"a"});
  Place("t", {"a"});
  // An engine whose dispatcher knows no legs: the binary of another service.
  std::unique_ptr<AggregateDispatcher> empty = MakeDispatcher(*made_.store);
  absl::StatusOr<std::unique_ptr<BatchHandler>> engine = MakeSagaEngine(
      MakeSagaType<trips::Trips>(), *made_.store, *made_.storage, *empty);
  ASSERT_THAT(engine, IsOk());
  ASSERT_THAT(trips_->RunOnce(500), IsOkAndHolds(true));
  std::vector<KeyedEvent> batch;
  ASSERT_THAT(made_.store->ReadLog({.types = {"stele.SagaStepped"}},
                                   [&](RecordedEvent event) {
                                     batch.push_back({"t", std::move(event)});
                                     return absl::OkStatus();
                                   }),
              IsOk());
  EXPECT_THAT((*engine)->Handle(
                  batch,
                  [&](absl::FunctionRef<absl::Status(Transaction&)> work) {
                    return made_.store->Transact(work);
                  }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("trips.BookSeat")));
}

TEST_P(EngineTest, AnEmptyRouteIsNoInstanceAndABadOneHasAKeyOfItsOwn) {
  const auto key_of = [&](const std::string& trip_id) {
    RecordedEvent event;
    event.stream_id = "leg-a";
    event.type = "trips.SeatBooked";
    event.payload =
        trips::MakeSeatBooked({.trip_id = trip_id}).SerializeAsString();
    return trips_->engine().KeyOf(event);
  };
  EXPECT_THAT(key_of(""), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(key_of("t"), IsOkAndHolds(std::optional<std::string>("t")));
  absl::StatusOr<std::optional<std::string>> bad = key_of("a\nb");
  ASSERT_THAT(bad, IsOk());
  EXPECT_THAT(bad->value(), HasSubstr("no valid id"));
}

TEST_P(EngineTest, StoryAndListTellWhatHappened) {
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

TEST_P(EngineTest, AnInstanceThatNothingCanMoveIsMarked) {
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

TEST_P(EngineTest, CommandsAreOutUntilTheirStepIsHandled) {
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

TEST_P(EngineTest, CountsAreBySagaAndStatus) {
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

TEST_P(EngineTest, NamesWithQuotesAndBackslashesAreOnlyNames) {
  const std::string name = R"(o'hara "the" \ {1,2} ); DROP TABLE x; -- é)";
  OpenLegs({"a"});
  Place(name, {"a"});
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", name), SagaStatus::kActive);
  made_.let_pass(absl::Minutes(2));
  RunTrips();
  EXPECT_EQ(StatusOf("Trip", name), SagaStatus::kCompensated);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, EngineTest,
    ::testing::Values(SagaStoreKind{"Memory", MakeMemorySagaStore},
                      SagaStoreKind{"Postgres", MakePostgresSagaStore}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace stele::testing
