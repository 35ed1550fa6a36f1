// What an engine refuses, and what it says of it.

#include <memory>
#include <string>
#include <vector>

#include "stele/base/uuid.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/transaction.h"
#include "tests/sagas/engine_fixture.h"

namespace stele::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EngineFaultsTest : public EngineTest {};

TEST_P(EngineFaultsTest, ARefusedUndoIsTriedAgainFromWhereItStood) {
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
TEST_P(EngineFaultsTest, RefusalsAreRecordedButNotThoseOfUndos) {
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

TEST_P(EngineFaultsTest, BadStateIsRefusedBeforeItIsStored) {
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
TEST_P(EngineFaultsTest, ABrokenCommandOrUndoIsRefusedBeforeItIsStored) {
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

TEST_P(EngineFaultsTest, BytesThatCannotBeReadSayWhere) {
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

TEST_P(EngineFaultsTest, AStepWithAnUnknownCommandSaysWhich) {
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

TEST_P(EngineFaultsTest, AnEmptyRouteIsNoInstanceAndABadOneHasAKeyOfItsOwn) {
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

// Its key was made when it could not be read; by now another release can.
TEST_P(EngineFaultsTest, WhatCouldNotBeReadIsTakenUpOnceItCan) {
  OpenLegs({"a"});
  Place("t", {"a"});
  std::vector<KeyedEvent> parked;
  ASSERT_THAT(made_.store->ReadLog(
                  {.types = {"trips.TripPlaced"}},
                  [&](RecordedEvent event) {
                    parked.push_back({"no valid id: 1", std::move(event)});
                    return absl::OkStatus();
                  }),
              IsOk());
  ASSERT_EQ(parked.size(), 1u);
  const auto retry = [&] {
    return trips_->engine().Handle(
        parked, [&](absl::FunctionRef<absl::Status(Transaction&)> work) {
          return made_.store->Transact(work);
        });
  };
  ConsumerStorage& consumers = made_.store->consumers();
  ASSERT_THAT(consumers.Register("saga/Trip", options_.slots, 0), IsOk());
  EXPECT_THAT(retry(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("yet to handle what came before")));

  ASSERT_THAT(consumers.Reset("saga/Trip", made_.store->Head().value()),
              IsOk());
  EXPECT_THAT(retry(), IsOk());
  EXPECT_EQ(StatusOf("Trip", "t"), SagaStatus::kActive);

  EXPECT_THAT(retry(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("has gone on to what came after")));
}

INSTANTIATE_TEST_SUITE_P(Stores, EngineFaultsTest, kSagaStores, NameOfStore);

}  // namespace
}  // namespace stele::testing
