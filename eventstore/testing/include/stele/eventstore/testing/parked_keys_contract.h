#ifndef STELE_EVENTSTORE_TESTING_PARKED_KEYS_CONTRACT_H_
#define STELE_EVENTSTORE_TESTING_PARKED_KEYS_CONTRACT_H_

#include "stele/eventstore/testing/consumer_storage_contract.h"

// Part of contract_suite.h: parked keys, and what operators ask for.
namespace stele::testing {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(ConsumerStorageContract, AParkedKeyKeepsWhatIsKnownOfIt) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("order-'1\" \\ %", {5, 9, 7});
  const std::vector<ParkedKey> parked = Parked();
  ASSERT_THAT(parked, SizeIs(1));
  EXPECT_EQ(parked[0].key, "order-'1\" \\ %");
  EXPECT_EQ(parked[0].slot, 1);
  EXPECT_EQ(parked[0].first_position, 5);
  EXPECT_EQ(parked[0].held, 3);
  EXPECT_EQ(parked[0].tries, 3);
  EXPECT_EQ(parked[0].cause, "INTERNAL: it's \"broken\"");
  EXPECT_EQ(parked[0].parked_at, absl::FromUnixSeconds(1'767'000'000));
  EXPECT_EQ(parked[0].next_try, absl::FromUnixSeconds(1'767'000'010));
  EXPECT_EQ(parked[0].state, ParkedState::kWaiting);
  EXPECT_THAT(consumers().HeldPositions(kName, parked[0].key, 10),
              IsOkAndHolds(ElementsAre(5, 7, 9)));
  EXPECT_THAT(consumers().HeldPositions(kName, parked[0].key, 2),
              IsOkAndHolds(ElementsAre(5, 7)));
  EXPECT_THAT(consumers().HeldPositions(kName, "other", 10),
              IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(consumers().List()->at(0).parked_keys, 1);
}

TEST_P(ConsumerStorageContract, AKeyMayWaitForEver) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5});
  ParkedKey parked = Parked().at(0);
  parked.next_try = absl::InfiniteFuture();
  ASSERT_THAT(store().Transact([&](Transaction& tx) {
    return consumers().Park(tx, kName, parked);
  }),
              IsOk());
  EXPECT_EQ(Parked().at(0).next_try, absl::InfiniteFuture());
}

TEST_P(ConsumerStorageContract, HoldingTwiceHoldsOnce) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5, 5, 6});
  EXPECT_EQ(Parked().at(0).held, 2);
}

TEST_P(ConsumerStorageContract, ParkingAgainUpdates) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5, 6});
  ParkedKey parked = Parked().at(0);
  parked.tries = 4;
  parked.cause = "again";
  parked.first_position = 6;
  parked.state = ParkedState::kWaiting;
  ASSERT_THAT(store().Transact([&](Transaction& tx) {
    return consumers().Park(tx, kName, parked);
  }),
              IsOk());
  ASSERT_THAT(Parked(), SizeIs(1));
  EXPECT_EQ(Parked()[0].tries, 4);
  EXPECT_EQ(Parked()[0].cause, "again");
  EXPECT_EQ(Parked()[0].first_position, 6);
  EXPECT_EQ(Parked()[0].held, 2);
}

TEST_P(ConsumerStorageContract, AKeyIsFreeOnceItsLastEventIsDropped) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5, 6});
  ASSERT_THAT(Unhold("k", 5), IsOk());
  EXPECT_THAT(Parked(), SizeIs(1));
  EXPECT_EQ(Parked()[0].held, 1);
  ASSERT_THAT(Unhold("k", 6), IsOk());
  EXPECT_THAT(Parked(), IsEmpty());
  EXPECT_EQ(consumers().List()->at(0).parked_keys, 0);
}

TEST_P(ConsumerStorageContract, ARollbackParksNothing) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  EXPECT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    ParkedKey parked;
    parked.key = "k";
    parked.first_position = 5;
    STELE_RETURN_IF_ERROR(consumers().Park(tx, kName, parked));
    STELE_RETURN_IF_ERROR(consumers().Hold(tx, kName, "k", 5));
    return absl::CancelledError("no");
  }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Parked(), IsEmpty());
}

TEST_P(ConsumerStorageContract, OperatorsAskTheOwner) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5});
  for (const ParkedState state :
       {ParkedState::kRetryNow, ParkedState::kDiscardAll,
        ParkedState::kWaiting}) {
    ASSERT_THAT(consumers().RequestParked(kName, "k", state), IsOk());
    EXPECT_EQ(Parked().at(0).state, state);
  }
  EXPECT_THAT(consumers().RequestParked(kName, "other", ParkedState::kRetryNow),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(consumers().RequestParked(kName, "k", ParkedState::kDiscardOne),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(ConsumerStorageContract, WhoDiscardsOneEventSaysWhich) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5, 7});
  EXPECT_THAT(consumers().RequestDiscard(kName, "other", 5),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(consumers().RequestDiscard(kName, "k", 7),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Parked().at(0).state, ParkedState::kWaiting);
  ASSERT_THAT(consumers().RequestDiscard(kName, "k", 5), IsOk());
  EXPECT_EQ(Parked().at(0).state, ParkedState::kDiscardOne);
  EXPECT_EQ(Parked().at(0).discard_position, 5);
  ASSERT_THAT(Unhold("k", 5), IsOk());
  EXPECT_THAT(consumers().RequestDiscard(kName, "k", 5),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

// A retry that was under way when the operator asked must not undo the wish.
TEST_P(ConsumerStorageContract, AWishToDiscardOutlastsARetryThatFails) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5});
  for (const ParkedState wish :
       {ParkedState::kDiscardOne, ParkedState::kDiscardAll}) {
    ParkedKey failed = Parked().at(0);
    failed.state = ParkedState::kWaiting;
    failed.tries = 7;
    ASSERT_THAT(wish == ParkedState::kDiscardOne
                    ? consumers().RequestDiscard(kName, "k", 5)
                    : consumers().RequestParked(kName, "k", wish),
                IsOk());
    const auto park = [&](Transaction& tx) {
      return consumers().Park(tx, kName, failed);
    };
    ASSERT_THAT(store().Transact(park), IsOk());
    EXPECT_EQ(Parked().at(0).state, wish);
    EXPECT_EQ(Parked().at(0).tries, 7);
    failed.state = ParkedState::kRetryNow;
    ASSERT_THAT(store().Transact(park), IsOk());
    EXPECT_EQ(Parked().at(0).state, ParkedState::kRetryNow);
  }
}

TEST_P(ConsumerStorageContract, AWishToDiscardAnEventIsNotForTheNext) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5, 6});
  ParkedKey failed = Parked().at(0);
  ASSERT_THAT(consumers().RequestDiscard(kName, "k", 5), IsOk());
  ASSERT_THAT(Unhold("k", 5), IsOk());
  failed.first_position = 6;
  ASSERT_THAT(store().Transact([&](Transaction& tx) {
    return consumers().Park(tx, kName, failed);
  }),
              IsOk());
  EXPECT_EQ(Parked().at(0).state, ParkedState::kWaiting);
  EXPECT_EQ(Parked().at(0).discard_position, 0);
}

TEST_P(ConsumerStorageContract, ResetDropsWhatWillBeReadAgain) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("before", {3, 4});
  Park("across", {4, 8});
  Park("beyond", {7, 9});
  ASSERT_THAT(consumers().Reset(kName, 6), IsOk());
  EXPECT_THAT(consumers().HeldPositions(kName, "before", 9),
              IsOkAndHolds(ElementsAre(3, 4)));
  EXPECT_THAT(consumers().HeldPositions(kName, "across", 9),
              IsOkAndHolds(ElementsAre(4)));
  EXPECT_THAT(consumers().HeldPositions(kName, "beyond", 9),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Parked(), SizeIs(2));
}

// Whoever handles it a second time must not commit that.
TEST_P(ConsumerStorageContract, AnEventIsReleasedOnlyOnce) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  Park("k", {5, 6});
  ASSERT_THAT(Unhold("k", 5), IsOk());
  EXPECT_THAT(Unhold("k", 5), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    const std::vector<AppendRequest> requests = {
        Request("a-1", ExpectedVersion::NoStream())};
    STELE_RETURN_IF_ERROR(tx.AppendAll(requests));
    consumers().Unhold(tx, kName, "k", 5).IgnoreError();  // The mistake.
    return absl::OkStatus();
  }),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("a-1"), 0);
  EXPECT_THAT(consumers().HeldPositions(kName, "k", 10),
              IsOkAndHolds(ElementsAre(6)));
}

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_PARKED_KEYS_CONTRACT_H_
