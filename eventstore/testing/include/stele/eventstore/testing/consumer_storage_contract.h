#ifndef STELE_EVENTSTORE_TESTING_CONSUMER_STORAGE_CONTRACT_H_
#define STELE_EVENTSTORE_TESTING_CONSUMER_STORAGE_CONTRACT_H_

#include "stele/eventstore/testing/contract_fixture.h"

// Part of contract_suite.h: leases and checkpoints.
namespace stele::testing {

using ::testing::IsEmpty;
using ::testing::SizeIs;

inline constexpr absl::Duration kLongLease = absl::Hours(1);
inline constexpr absl::Duration kShortLease = absl::Milliseconds(50);

// Adds what the tests of ConsumerStorage share.
class ConsumerStorageContract : public EventStoreContract {
 protected:
  static constexpr char kName[] = "projection/Orders";

  std::vector<SlotLease> Acquire(const std::string& owner,
                                 absl::Duration lease = kLongLease) {
    const auto leases = consumers().Acquire(kName, {owner}, lease);
    EXPECT_THAT(leases, IsOk());
    return leases.value_or(std::vector<SlotLease>());
  }

  // Acquires until `owner` holds `slots`, while time goes by.
  std::vector<SlotLease> AcquireUntil(const std::string& owner,
                                      std::size_t slots) {
    const absl::Time deadline = absl::Now() + kPatience;
    std::vector<SlotLease> leases;
    do {
      clock().Advance(absl::Milliseconds(10));
      leases = Acquire(owner);
    } while (leases.size() != slots && absl::Now() < deadline);
    EXPECT_THAT(leases, SizeIs(slots));
    return leases;
  }

  absl::Status Advance(const SlotLease& lease, std::int64_t position) {
    const SlotAdvance advance{lease, position};
    return store().Transact([&](Transaction& tx) {
      return consumers().Advance(tx, kName, std::span(&advance, 1));
    });
  }

  std::int64_t PositionOf(int slot) {
    const auto list = consumers().List();
    EXPECT_THAT(list, IsOk());
    return list->at(0).slots.at(static_cast<std::size_t>(slot)).position;
  }

  // Parks `key` and holds `positions` behind it.
  void Park(const std::string& key, std::vector<std::int64_t> positions) {
    ASSERT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
      ParkedKey parked;
      parked.key = key;
      parked.slot = 1;
      parked.first_position = positions.at(0);
      parked.tries = 3;
      parked.cause = "INTERNAL: it's \"broken\"";
      parked.parked_at = absl::FromUnixSeconds(1'767'000'000);
      parked.next_try = absl::FromUnixSeconds(1'767'000'010);
      STELE_RETURN_IF_ERROR(consumers().Park(tx, kName, parked));
      for (const std::int64_t position : positions) {
        STELE_RETURN_IF_ERROR(consumers().Hold(tx, kName, key, position));
      }
      return absl::OkStatus();
    }),
                IsOk());
  }

  absl::Status Unhold(const std::string& key, std::int64_t position) {
    return store().Transact([&](Transaction& tx) {
      return consumers().Unhold(tx, kName, key, position);
    });
  }

  std::vector<ParkedKey> Parked() {
    const auto parked = consumers().ListParked(kName);
    EXPECT_THAT(parked, IsOk());
    return parked.value_or(std::vector<ParkedKey>());
  }
};

// ---- Registration and leases ------------------------------------------------

TEST_P(ConsumerStorageContract, RegisteringTwiceIsHarmless) {
  ASSERT_THAT(consumers().Register(kName, 4, 7), IsOk());
  ASSERT_THAT(consumers().Register(kName, 4, 99), IsOk());
  EXPECT_THAT(consumers().Register(kName, 5, 7),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  const auto list = consumers().List();
  ASSERT_THAT(list, IsOk());
  ASSERT_THAT(*list, SizeIs(1));
  EXPECT_EQ(list->at(0).name, kName);
  ASSERT_THAT(list->at(0).slots, SizeIs(4));
  for (int slot = 0; slot < 4; ++slot) {
    const SlotStatus& status =
        list->at(0).slots[static_cast<std::size_t>(slot)];
    EXPECT_EQ(status.slot, slot);
    EXPECT_EQ(status.position, 7);
    EXPECT_EQ(status.owner, "");
  }
  EXPECT_EQ(list->at(0).parked_keys, 0);
  EXPECT_FALSE(list->at(0).is_paused);
}

TEST_P(ConsumerStorageContract, AnUnknownConsumerHasNoSlots) {
  EXPECT_THAT(consumers().Acquire(kName, {"a"}, kLongLease),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(consumers().List(), IsOkAndHolds(IsEmpty()));
}

TEST_P(ConsumerStorageContract, ALoneOwnerHoldsAllSlots) {
  ASSERT_THAT(consumers().Register(kName, 4, 7), IsOk());
  const std::vector<SlotLease> leases = Acquire("a");
  ASSERT_THAT(leases, SizeIs(4));
  for (int slot = 0; slot < 4; ++slot) {
    const SlotLease& lease = leases[static_cast<std::size_t>(slot)];
    EXPECT_EQ(lease.slot, slot);
    EXPECT_GE(lease.epoch, 1);
    EXPECT_EQ(lease.position, 7);
  }
  const auto list = consumers().List();
  ASSERT_THAT(list, IsOk());
  EXPECT_EQ(list->at(0).slots[0].owner, "a");
}

TEST_P(ConsumerStorageContract, RenewingKeepsSlotsAndEpochs) {
  ASSERT_THAT(consumers().Register(kName, 4, 0), IsOk());
  const std::vector<SlotLease> first = Acquire("a");
  const std::vector<SlotLease> again = Acquire("a");
  ASSERT_THAT(again, SizeIs(4));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(again[i].slot, first[i].slot);
    EXPECT_EQ(again[i].epoch, first[i].epoch);
  }
}

TEST_P(ConsumerStorageContract, ANewOwnerIsGivenItsShareAndNoMore) {
  ASSERT_THAT(consumers().Register(kName, 8, 0), IsOk());
  const std::vector<SlotLease> alone = Acquire("a");
  ASSERT_THAT(alone, SizeIs(8));
  EXPECT_THAT(Acquire("b"), IsEmpty());
  const std::vector<SlotLease> kept = Acquire("a");
  ASSERT_THAT(kept, SizeIs(4));
  const std::vector<SlotLease> given = Acquire("b");
  ASSERT_THAT(given, SizeIs(4));
  for (const SlotLease& lease : given) {
    EXPECT_GT(lease.epoch, alone[static_cast<std::size_t>(lease.slot)].epoch);
    for (const SlotLease& other : kept) EXPECT_NE(lease.slot, other.slot);
  }
  EXPECT_THAT(Acquire("a"), SizeIs(4));
}

TEST_P(ConsumerStorageContract, RenewTakesAndGivesUpNothing) {
  ASSERT_THAT(consumers().Register(kName, 8, 0), IsOk());
  ASSERT_THAT(Acquire("a"), SizeIs(8));
  EXPECT_THAT(Acquire("b"), IsEmpty());
  EXPECT_THAT(consumers().Renew(kName, {"a"}, kLongLease),
              IsOkAndHolds(SizeIs(8)));
  ASSERT_THAT(Acquire("a"), SizeIs(4));
  EXPECT_THAT(consumers().Renew(kName, {"b"}, kLongLease),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Acquire("b"), SizeIs(4));
  EXPECT_THAT(consumers().Renew("unknown", {"a"}, kLongLease),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ConsumerStorageContract, RenewKeepsLeasesFromExpiring) {
  ASSERT_THAT(consumers().Register(kName, 4, 0), IsOk());
  const absl::Duration lease = absl::Milliseconds(500);
  const std::vector<SlotLease> first = Acquire("a", lease);
  const auto until = [&] {
    return consumers().List()->at(0).slots.at(0).lease_until;
  };
  const absl::Time end = until() + 2 * lease;
  const absl::Time deadline = absl::Now() + kPatience;
  while (until() < end && absl::Now() < deadline) {
    clock().Advance(lease / 10);
    const auto held = consumers().Renew(kName, {"a"}, lease);
    ASSERT_THAT(held, IsOkAndHolds(SizeIs(4)));
    EXPECT_EQ(held->at(0).epoch, first.at(0).epoch);
    EXPECT_THAT(Acquire("b", lease), IsEmpty());
  }
  EXPECT_GE(until(), end);
}

TEST_P(ConsumerStorageContract, AnOwnerWhoseLeaseHasExpiredIsNobody) {
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const auto owner = [&] {
    return consumers().List()->at(0).slots.at(0).owner;
  };
  Acquire("a");
  EXPECT_EQ(owner(), "a");
  Acquire("a", absl::Milliseconds(1));
  const absl::Time deadline = absl::Now() + kPatience;
  while (!owner().empty() && absl::Now() < deadline) {
    clock().Advance(absl::Milliseconds(1));
  }
  EXPECT_EQ(owner(), "");
}

TEST_P(ConsumerStorageContract, SharesAreRoundedUpAndCoverAllSlots) {
  ASSERT_THAT(consumers().Register(kName, 8, 0), IsOk());
  std::vector<std::size_t> held(3);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) {
      held[static_cast<std::size_t>(i)] =
          Acquire(std::string(1, static_cast<char>('a' + i))).size();
    }
  }
  EXPECT_EQ(held[0] + held[1] + held[2], 8u);
  for (const std::size_t slots : held) {
    EXPECT_GE(slots, 2u);
    EXPECT_LE(slots, 3u);
  }
}

TEST_P(ConsumerStorageContract, ReleasedSlotsAreFreeAtOnce) {
  ASSERT_THAT(consumers().Register(kName, 4, 0), IsOk());
  const std::vector<SlotLease> first = Acquire("a");
  ASSERT_THAT(consumers().Release(kName, "a"), IsOk());
  EXPECT_THAT(Advance(first[0], 1), StatusIs(absl::StatusCode::kAborted));
  const std::vector<SlotLease> second = Acquire("b");
  ASSERT_THAT(second, SizeIs(4));
  EXPECT_GT(second[0].epoch, first[0].epoch);
}

TEST_P(ConsumerStorageContract, ExpiredSlotsGoToAnotherOwner) {
  ASSERT_THAT(consumers().Register(kName, 4, 0), IsOk());
  const std::vector<SlotLease> late = Acquire("a", kShortLease);
  ASSERT_THAT(late, SizeIs(4));
  const std::vector<SlotLease> taken = AcquireUntil("b", 4);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(taken[i].epoch, late[i].epoch);
  }
}

// ---- Checkpoints ------------------------------------------------------------

TEST_P(ConsumerStorageContract, AnOwnerMovesItsCheckpoint) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  SlotLease lease = Acquire("a").at(1);
  ASSERT_THAT(Advance(lease, 5), IsOk());
  EXPECT_EQ(PositionOf(1), 5);
  EXPECT_EQ(PositionOf(0), 0);
  EXPECT_THAT(Advance(lease, 6), StatusIs(absl::StatusCode::kAborted))
      << "its position has moved on";
  lease.position = 5;
  EXPECT_THAT(Advance(lease, 9), IsOk());
  EXPECT_THAT(Advance({lease.slot, lease.epoch, 9, "a"}, 8),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(PositionOf(1), 9);
  EXPECT_EQ(Acquire("a").at(1).position, 9);
}

TEST_P(ConsumerStorageContract, ALateOwnerIsFencedAndCommitsNothing) {
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const SlotLease late = Acquire("a", kShortLease).at(0);
  const SlotLease taken = AcquireUntil("b", 1).at(0);
  const SlotAdvance advance{late, 5};
  EXPECT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    const std::vector<AppendRequest> requests = {
        Request("a-1", ExpectedVersion::NoStream())};
    STELE_RETURN_IF_ERROR(tx.AppendAll(requests));
    return consumers().Advance(tx, kName, std::span(&advance, 1));
  }),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("a-1"), 0);
  EXPECT_EQ(PositionOf(0), 0);
  EXPECT_THAT(Advance(taken, 3), IsOk());
  EXPECT_THAT(Advance(late, 4), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(PositionOf(0), 3);
}

TEST_P(ConsumerStorageContract, AFencedAdvanceCannotBeIgnored) {
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const SlotLease lease = Acquire("a").at(0);
  ASSERT_THAT(consumers().Reset(kName, 0), IsOk());
  const SlotAdvance advance{lease, 5};
  const absl::Status status =
      store().Transact([&](Transaction& tx) -> absl::Status {
        const std::vector<AppendRequest> requests = {
            Request("a-1", ExpectedVersion::NoStream())};
        STELE_RETURN_IF_ERROR(tx.AppendAll(requests));
        consumers()
            .Advance(tx, kName, std::span(&advance, 1))
            .IgnoreError();  // The mistake.
        return absl::OkStatus();
      });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(VersionOf("a-1"), 0);
}

TEST_P(ConsumerStorageContract, OneLostLeaseKeepsAllCheckpointsBack) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  std::vector<SlotLease> leases = Acquire("a");
  const std::vector<SlotAdvance> advances = {
      {leases[0], 5}, {{leases[1].slot, leases[1].epoch + 1, 0, "a"}, 5}};
  EXPECT_THAT(store().Transact([&](Transaction& tx) {
    return consumers().Advance(tx, kName, advances);
  }),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(PositionOf(0), 0);
}

TEST_P(ConsumerStorageContract, ARollbackKeepsTheCheckpointBack) {
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const SlotAdvance advance{Acquire("a").at(0), 5};
  EXPECT_THAT(store().Transact([&](Transaction& tx) -> absl::Status {
    STELE_RETURN_IF_ERROR(
        consumers().Advance(tx, kName, std::span(&advance, 1)));
    return absl::CancelledError("no");
  }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(PositionOf(0), 0);
}

TEST_P(ConsumerStorageContract, ResetMovesAllSlotsAndFencesTheirOwners) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  std::vector<SlotLease> leases = Acquire("a");
  ASSERT_THAT(Advance(leases[0], 50), IsOk());
  ASSERT_THAT(consumers().Reset(kName, 10), IsOk());
  EXPECT_EQ(PositionOf(0), 10);
  EXPECT_EQ(PositionOf(1), 10);
  leases[0].position = 10;
  EXPECT_THAT(Advance(leases[0], 60), StatusIs(absl::StatusCode::kAborted));
  const std::vector<SlotLease> again = Acquire("a");
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_GT(again[0].epoch, leases[0].epoch);
  EXPECT_EQ(again[0].position, 10);
  EXPECT_THAT(Advance(again[0], 60), IsOk());
  EXPECT_THAT(consumers().Reset("unknown", 0),
              StatusIs(absl::StatusCode::kNotFound));
}

// ---- Pausing and forgetting -------------------------------------------------

TEST_P(ConsumerStorageContract, PausingIsRemembered) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  EXPECT_THAT(consumers().IsPaused(kName), IsOkAndHolds(false));
  ASSERT_THAT(consumers().SetPaused(kName, true), IsOk());
  EXPECT_THAT(consumers().IsPaused(kName), IsOkAndHolds(true));
  EXPECT_TRUE(consumers().List()->at(0).is_paused);
  EXPECT_THAT(Acquire("a"), SizeIs(2));
  ASSERT_THAT(consumers().SetPaused(kName, false), IsOk());
  EXPECT_THAT(consumers().IsPaused(kName), IsOkAndHolds(false));
  EXPECT_THAT(consumers().SetPaused("unknown", true),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(consumers().IsPaused("unknown"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ConsumerStorageContract, AForgottenConsumerIsGone) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  const SlotLease lease = Acquire("a").at(0);
  Park("k", {3});
  ASSERT_THAT(consumers().Forget(kName), IsOk());
  ASSERT_THAT(consumers().Forget(kName), IsOk());
  EXPECT_THAT(consumers().List(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Parked(), IsEmpty());
  EXPECT_THAT(Advance(lease, 5), StatusIs(absl::StatusCode::kAborted));
  ASSERT_THAT(consumers().Register(kName, 3, 9), IsOk());
  EXPECT_THAT(Acquire("a"), SizeIs(3));
}

// Epochs begin anew with a consumer that is registered anew.
TEST_P(ConsumerStorageContract, AnOwnerFromBeforeForgetIsFenced) {
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const SlotLease late = Acquire("a").at(0);
  EXPECT_EQ(late.owner, "a");
  ASSERT_THAT(consumers().Forget(kName), IsOk());
  ASSERT_THAT(consumers().Register(kName, 1, 0), IsOk());
  const SlotLease taken = Acquire("b").at(0);
  ASSERT_EQ(taken.epoch, late.epoch);
  EXPECT_THAT(Advance(late, 5), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(PositionOf(0), 0);
  EXPECT_THAT(Advance(taken, 3), IsOk());
}

TEST_P(ConsumerStorageContract, ConsumersDoNotTouchEachOther) {
  ASSERT_THAT(consumers().Register(kName, 2, 0), IsOk());
  ASSERT_THAT(consumers().Register("saga/O'Brien \"x\" %", 3, 5), IsOk());
  ASSERT_THAT(Acquire("a"), SizeIs(2));
  const auto other =
      consumers().Acquire("saga/O'Brien \"x\" %", {"a"}, kLongLease);
  ASSERT_THAT(other, IsOk());
  EXPECT_THAT(*other, SizeIs(3));
  Park("k", {1});
  EXPECT_THAT(consumers().ListParked("saga/O'Brien \"x\" %"),
              IsOkAndHolds(IsEmpty()));
  ASSERT_THAT(consumers().Forget("saga/O'Brien \"x\" %"), IsOk());
  EXPECT_THAT(Parked(), SizeIs(1));
}

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_CONSUMER_STORAGE_CONTRACT_H_
