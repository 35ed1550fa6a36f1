// What a saga's engine does with its input, step by step, on every store.

#include <string>
#include <vector>

#include "tests/sagas/engine_fixture.h"

namespace stele::testing {
namespace {

using ::testing::ElementsAre;

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

INSTANTIATE_TEST_SUITE_P(Stores, EngineTest, kSagaStores, NameOfStore);

}  // namespace
}  // namespace stele::testing
