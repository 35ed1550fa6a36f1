// Sagas run by consumers, as a service runs them: several owners, parked
// instances, many instances at a time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "stele/base/clock.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"
#include "tests/sagas/saga_world.h"
#include "tests/sagas/stores.h"
#include "tests/sagas/trip_rules.h"

namespace stele::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Passes commands on, but holds back the first of a type until it is told.
class HoldingDispatcher final : public Dispatcher {
 public:
  HoldingDispatcher(Dispatcher& inner, std::string hold)
      : inner_(inner), hold_(std::move(hold)) {}

  absl::StatusOr<Receipt> Dispatch(const google::protobuf::Message& command,
                                   const DispatchOptions& options) override {
    return inner_.Dispatch(command, options);
  }
  absl::StatusOr<Receipt> DispatchIn(Transaction& tx,
                                     const google::protobuf::Message& command,
                                     const DispatchOptions& options) override {
    return inner_.DispatchIn(tx, command, options);
  }
  absl::StatusOr<Receipt> DispatchBytes(
      std::string_view type, std::string_view payload,
      const DispatchOptions& options) override {
    if (type == hold_ && !reached.HasBeenNotified()) {
      reached.Notify();
      go_on.WaitForNotification();
    }
    return inner_.DispatchBytes(type, payload, options);
  }

  absl::Notification reached;
  absl::Notification go_on;

 private:
  Dispatcher& inner_;
  std::string hold_;
};

// One process of a service: an engine and its consumer on a thread.
class Process {
 public:
  Process(const SagaStore& made, const SagaType& type, std::string owner,
          ConsumerOptions consumer, Dispatcher* dispatcher = nullptr)
      : world_(MakeWorldDispatcher(*made.store)) {
    engine_ = *MakeSagaEngine(type, *made.store, *made.storage,
                              dispatcher != nullptr ? *dispatcher : *world_);
    consumer_ = *Consumer::Create(*made.store, *engine_, std::move(consumer),
                                  std::move(owner));
    thread_ = std::thread([this] { ended_ = consumer_->Run(); });
  }
  ~Process() { Stop().IgnoreError(); }

  absl::Status Stop() {
    if (!thread_.joinable()) return ended_;
    consumer_->Stop();
    thread_.join();
    return ended_;
  }
  Consumer& consumer() { return *consumer_; }

 private:
  std::unique_ptr<AggregateDispatcher> world_;
  std::unique_ptr<BatchHandler> engine_;
  std::unique_ptr<Consumer> consumer_;
  absl::Status ended_;
  std::thread thread_;
};

class ProcessTest : public ::testing::TestWithParam<SagaStoreKind> {
 protected:
  void SetUp() override {
    made_ = GetParam().make();
    world_ = MakeWorldDispatcher(*made_.store);
  }

  ConsumerOptions Options() const {
    ConsumerOptions options =
        SagaConsumerOptions(MakeSagaType<trips::Trips>(), {});
    options.retry = {absl::Milliseconds(1), absl::Milliseconds(5)};
    options.tries_before_parking = 2;
    // Where the clock cannot be moved, a lease is to run out soon by itself.
    if (made_.clock == nullptr) options.lease = absl::Seconds(2);
    return options;
  }
  std::unique_ptr<Process> Start(const std::string& owner,
                                 Dispatcher* dispatcher = nullptr) {
    ConsumerOptions options = Options();
    // Whoever is held up is to lose its leases like one that is frozen.
    if (dispatcher != nullptr) options.handle_time_max = absl::Milliseconds(1);
    return std::make_unique<Process>(made_, MakeSagaType<trips::Trips>(), owner,
                                     std::move(options), dispatcher);
  }

  void Place(const std::string& trip, const std::vector<std::string>& legs,
             const std::string& note = "", std::int64_t patience = 60) {
    trips::PlaceTrip place;
    place.set_trip_id(trip);
    for (const std::string& leg : legs) place.add_leg_ids(leg);
    place.set_patience_seconds(patience);
    place.set_note(note);
    Send(*world_, place);
  }
  void OpenLeg(const std::string& leg, std::int64_t seats) {
    Send(*world_, trips::MakeOpenLeg({.leg_id = leg, .seats = seats}));
  }

  // Waits, by the log's own news, until `is_true`; fails the test if that does
  // not come for a minute.
  void Await(const std::string& what, const std::function<bool()>& is_true) {
    const absl::Time deadline = SystemClock().Now() + absl::Minutes(1);
    std::int64_t head = 0;
    while (!is_true()) {
      const absl::Time now = SystemClock().Now();
      ASSERT_LT(now, deadline) << "waited in vain until " << what;
      absl::StatusOr<std::int64_t> at =
          made_.store->WaitForHead(head, now + absl::Milliseconds(20));
      if (at.ok()) head = *at;
    }
  }
  std::int64_t CountOf(SagaStatus status) {
    std::int64_t count = 0;
    absl::StatusOr<std::vector<SagaRowCount>> counts = made_.storage->Count();
    EXPECT_THAT(counts, IsOk());
    for (const SagaRowCount& row : *counts) {
      if (row.status == status) count += row.instances;
    }
    return count;
  }
  int EventsOf(const std::string& type) {
    return static_cast<int>(StoryOf(*made_.store, {type}).size());
  }
  std::vector<SagaSummary> Parked() {
    SagaAdmin admin(*made_.store, *made_.storage);
    absl::StatusOr<std::vector<SagaSummary>> parked =
        admin.List({.saga = "Trip", .status = SagaStatus::kParked});
    EXPECT_THAT(parked, IsOk());
    return *std::move(parked);
  }

  SagaStore made_;
  std::unique_ptr<AggregateDispatcher> world_;
};

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

TEST_P(ProcessTest, AFrozenOwnerIsFencedAndNothingIsDoneTwice) {
  OpenLeg("a", 100);
  OpenLeg("full", 0);
  Place("t", {"a", "full"});
  HoldingDispatcher holding(*world_, "trips.FreeSeat");
  auto frozen = Start("frozen", &holding);
  holding.reached.WaitForNotification();

  // The other one takes over once the lease has run out, by the store's clock.
  const auto other = Start("other");
  if (made_.clock != nullptr) made_.clock->Advance(absl::Minutes(1));
  Await("the other one has finished",
        [&] { return CountOf(SagaStatus::kCompensated) == 1; });
  const auto steps = StoryOf(*made_.store, {"stele.SagaStepped"});

  holding.go_on.Notify();
  EXPECT_THAT(frozen->Stop(), IsOk());
  EXPECT_EQ(StoryOf(*made_.store, {"stele.SagaStepped"}), steps);
  EXPECT_THAT(StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed"}),
              ElementsAre("SeatBooked leg-a", "SeatFreed leg-a"));
}

// The seat that was not to be had is free again when the frozen owner goes on.
// It must not be booked for a trip that has been told it was refused, and so
// will never free it.
TEST_P(ProcessTest, AFrozenOwnersCommandStaysRefusedThoughTheRulesWouldAccept) {
  OpenLeg("a", 1);
  Send(*world_, trips::MakeBookSeat({.leg_id = "a", .trip_id = "walk-in"}));
  Place("t", {"a"});
  HoldingDispatcher holding(*world_, "trips.BookSeat");
  auto frozen = Start("frozen", &holding);
  holding.reached.WaitForNotification();

  const auto other = Start("other");
  if (made_.clock != nullptr) made_.clock->Advance(absl::Minutes(1));
  Await("the other one has been refused",
        [&] { return CountOf(SagaStatus::kCompensated) == 1; });
  Send(*world_, trips::MakeFreeSeat({.leg_id = "a", .trip_id = "walk-in"}));

  holding.go_on.Notify();
  EXPECT_THAT(frozen->Stop(), IsOk());
  EXPECT_THAT(other->Stop(), IsOk());
  EXPECT_THAT(StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed",
                                     "stele.CommandRefused"}),
              ElementsAre("SeatBooked leg-a", "CommandRefused leg-a",
                          "SeatFreed leg-a"));
  EXPECT_EQ(CountOf(SagaStatus::kCompensated), 1);
}

// The seat had been booked for the trip before, so that booking it changed
// nothing. When it was given back and the trip is over, a late copy of the
// command must not book it once more.
TEST_P(ProcessTest, AFrozenOwnersCommandThatChangedNothingNeverWill) {
  OpenLeg("a", 1);
  Send(*world_, trips::MakeBookSeat({.leg_id = "a", .trip_id = "t"}));
  Place("t", {"a"});
  HoldingDispatcher holding(*world_, "trips.BookSeat");
  auto frozen = Start("frozen", &holding);
  holding.reached.WaitForNotification();

  const auto other = Start("other");
  if (made_.clock != nullptr) made_.clock->Advance(absl::Minutes(1));
  Send(*world_, trips::MakePayTrip({.trip_id = "t"}));
  Await("the other one has finished",
        [&] { return CountOf(SagaStatus::kCompleted) == 1; });
  Send(*world_, trips::MakeFreeSeat({.leg_id = "a", .trip_id = "t"}));

  holding.go_on.Notify();
  EXPECT_THAT(frozen->Stop(), IsOk());
  EXPECT_THAT(other->Stop(), IsOk());
  EXPECT_THAT(StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed"}),
              ElementsAre("SeatBooked leg-a", "SeatFreed leg-a"));
  EXPECT_EQ(EventsOf("stele.CommandChangedNothing"), 1);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, ProcessTest,
    ::testing::Values(SagaStoreKind{"Memory", MakeMemorySagaStore},
                      SagaStoreKind{"Postgres", MakePostgresSagaStore}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace stele::testing
