#include "stele/testing/saga_given.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "tests/model/bank_rules.h"
#include "tests/sagas/trip_rules.h"

namespace stele::testing {
namespace {

using bank::MakeDeposit;
using bank::MakeRefund;
using bank::MakeTransferRequested;
using bank::MakeWithdraw;
using bank::MakeWithdrawn;
using bank::Transfers;
using trips::MakeBookSeat;
using trips::MakeFreeSeat;
using trips::MakeSeatBooked;
using trips::TripPaid;
using trips::TripPayment;
using trips::TripPlaced;
using trips::Trips;

bank::TransferRequested Requested() {
  return MakeTransferRequested(
      {.transfer_id = "t-1", .to_account_id = "bob", .amount_cents = 500});
}

trips::TripPlaced TwoLegs() {
  TripPlaced placed;
  placed.add_leg_ids("a");
  placed.add_leg_ids("b");
  placed.set_patience_seconds(60);
  return placed;
}

TEST(SagaGivenTest, RefundsWhenTheDepositIsRefused) {
  const auto deposit = MakeDeposit(
      {.account_id = "bob", .amount_cents = 500, .transfer_id = "t-1"});
  GivenSaga<Transfers>("t-1")
      .OnFrom("account-ada", Requested())
      .ThenSends(MakeWithdraw(
          {.account_id = "ada", .amount_cents = 500, .transfer_id = "t-1"}))
      .ThenWaits()
      .OnFrom("account-ada",
              MakeWithdrawn({.amount_cents = 500, .transfer_id = "t-1"}))
      .ThenSends(deposit)
      .OnRejected(deposit, "not_open")
      .ThenSendsNothing()
      .ThenCompensates("not_open")
      .ThenUndoes(MakeRefund(
          {.account_id = "ada", .amount_cents = 500, .transfer_id = "t-1"}));
}

TEST(SagaGivenTest, UndoesTheLatestFirst) {
  GivenSaga<Trips>("t")
      .On(TwoLegs())
      .ThenSends(MakeBookSeat({.leg_id = "a", .trip_id = "t"}))
      .OnFrom("leg-a", MakeSeatBooked({.trip_id = "t"}))
      .ThenSends(MakeBookSeat({.leg_id = "b", .trip_id = "t"}))
      .OnFrom("leg-b", MakeSeatBooked({.trip_id = "t"}))
      .ThenTimer<TripPayment>(absl::Minutes(1))
      .OnElapsed<TripPayment>()
      .ThenCompensates("not_paid")
      .ThenUndoes(MakeFreeSeat({.leg_id = "b", .trip_id = "t"}),
                  MakeFreeSeat({.leg_id = "a", .trip_id = "t"}));
}

TEST(SagaGivenTest, ANewSagaHasItsId) {
  trips::Trip expected;
  expected.set_trip_id("t");
  expected.add_leg_ids("a");
  expected.add_leg_ids("b");
  expected.set_patience_seconds(60);
  GivenSaga<Trips>("t").On(TwoLegs()).ThenState(expected);
}

TEST(SagaGivenTest, ADroppedInputSaysWhy) {
  GivenSaga<Trips>("t").On(TripPaid()).ThenDropped("unknown_instance");
  GivenSaga<Trips>("t").On(TwoLegs()).On(TwoLegs()).ThenDropped(
      "already_started");
  GivenSaga<Trips>("t")
      .On(TwoLegs())
      .On(TripPaid())
      .ThenCompletes()
      .ThenNoTimer<TripPayment>()
      .On(TripPaid())
      .ThenDropped("late");
}

// Sends its last command with its last breath.
struct Farewell : Trips {
  using State = trips::Trip;
  using Trips::On;
  static Next On(trips::Trip& trip, const Recorded<TripPlaced>& e) {
    trip.set_note(e->note());
    return Send(MakeBookSeat({.leg_id = "a", .trip_id = "t"}))
        .Undo(MakeFreeSeat({.leg_id = "z", .trip_id = "t"}))
        .AndComplete();
  }
  static Next On(trips::Trip& trip, const Rejected<trips::BookSeat>& no) {
    if (trip.note() == "shrug") return Continue();
    if (trip.note() == "wait") return StartTimer<TripPayment>(absl::Hours(1));
    return Compensate(no.reason());
  }
};

TEST(SagaGivenTest, ARefusedLastCommandIsStillHeardOf) {
  const auto last = MakeBookSeat({.leg_id = "a", .trip_id = "t"});
  TripPlaced placed;
  GivenSaga<Farewell>("t")
      .On(placed)
      .ThenSends(last)
      .ThenCompletes()
      .OnRejected(last, "full")
      .ThenCompensates("full")
      .ThenUndoes(MakeFreeSeat({.leg_id = "z", .trip_id = "t"}));
  placed.set_note("shrug");
  GivenSaga<Farewell>("t")
      .On(placed)
      .OnRejected(last, "full")
      .ThenCompletes()
      .On(TripPaid())
      .ThenDropped("late");
  placed.set_note("wait");
  GivenSaga<Farewell>("t")
      .On(placed)
      .OnRejected(last, "full")
      .ThenTimer<TripPayment>(absl::Hours(1))
      .ThenWaits();
}

// Compensates at once, and hears of a payment while it does.
struct Retreat : Trips {
  using State = trips::Trip;
  using Trips::On;
  static Next On(trips::Trip&, const Recorded<TripPlaced>&) {
    return Send(MakeBookSeat({.leg_id = "a", .trip_id = "t"}))
        .Undo(MakeFreeSeat({.leg_id = "a", .trip_id = "t"}))
        .StartTimer<TripPayment>(absl::Minutes(1))
        .AndCompensate("changed_mind");
  }
  static Next On(trips::Trip&, const Recorded<TripPaid>&) {
    return Complete().Undo(MakeFreeSeat({.leg_id = "paid", .trip_id = "t"}));
  }
};

TEST(SagaGivenTest, EventsAreHeardWhileCompensatingAndCannotStopIt) {
  GivenSaga<Retreat>("t")
      .On(TripPlaced())
      .ThenSends(MakeBookSeat({.leg_id = "a", .trip_id = "t"}))
      .ThenCompensates("changed_mind")
      .On(TripPaid())
      .ThenCompensates("changed_mind")
      .ThenUndoes(MakeFreeSeat({.leg_id = "a", .trip_id = "t"}),
                  MakeFreeSeat({.leg_id = "paid", .trip_id = "t"}))
      .ThenNoTimer<TripPayment>();
}

TEST(SagaGivenTest, AWrongClaimShowsBothSides) {
  EXPECT_NONFATAL_FAILURE(
      GivenSaga<Trips>("t").On(TwoLegs()).ThenSends(
          MakeBookSeat({.leg_id = "b", .trip_id = "t"})),
      "expected the step to send\n"
      "  trips.BookSeat { leg_id: \"b\" trip_id: \"t\" }\n"
      "but it sends\n"
      "  trips.BookSeat { leg_id: \"a\" trip_id: \"t\" }\n");
  EXPECT_NONFATAL_FAILURE(GivenSaga<Trips>("t").On(TwoLegs()).ThenCompletes(),
                          "leaves it SAGA_STATUS_ACTIVE");
  EXPECT_NONFATAL_FAILURE(
      GivenSaga<Trips>("t").On(TwoLegs()).OnElapsed<TripPayment>(),
      "timer payment does not wait");
  EXPECT_NONFATAL_FAILURE(
      GivenSaga<Trips>("t").OnFrom("leg-a", MakeSeatBooked({.trip_id = "u"})),
      "leads to \"u\", not to the instance \"t\"");
}

TEST(SagaGivenTest, AWrongClaimOfCommandsIsAtTheLineOfItsStep) {
  ::testing::TestPartResultArray failures;
  GivenSaga<Trips> given("t");
  const int line = __LINE__ + 1;
  given.On(TwoLegs());
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::
            INTERCEPT_ONLY_CURRENT_THREAD,
        &failures);
    const auto wrong = MakeFreeSeat({.leg_id = "b", .trip_id = "t"});
    given.ThenSends(wrong).ThenUndoes(wrong);
  }
  ASSERT_GE(failures.size(), 2);
  for (int i = 0; i < failures.size(); ++i) {
    const ::testing::TestPartResult& failure = failures.GetTestPartResult(i);
    EXPECT_EQ(failure.line_number(), line);
    EXPECT_STREQ(failure.file_name(), __FILE__);
  }
}

// Waits as long as can be.
struct Patience : Trips {
  using State = trips::Trip;
  using Trips::On;
  static Next On(trips::Trip&, const Recorded<TripPlaced>&) {
    return StartTimer<TripPayment>(absl::InfiniteDuration());
  }
};

TEST(SagaGivenTest, AnEndlessTimerIsALongOneAndCancelsNothing) {
  GivenSaga<Patience>("t")
      .On(TripPlaced())
      .ThenTimer<TripPayment>(absl::Hours(24 * 366 * 100))
      .ThenWaits()
      .OnElapsed<TripPayment>()
      .ThenCompensates("not_paid");
}

TEST(SagaGivenTest, AnExceptionIsAFailure) {
  TripPlaced placed = TwoLegs();
  placed.set_note("throw");
  EXPECT_NONFATAL_FAILURE(GivenSaga<Trips>("t").On(placed), "no such place");
}

}  // namespace
}  // namespace stele::testing
