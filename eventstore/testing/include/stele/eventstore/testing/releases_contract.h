#ifndef STELE_EVENTSTORE_TESTING_RELEASES_CONTRACT_H_
#define STELE_EVENTSTORE_TESTING_RELEASES_CONTRACT_H_

#include "stele/eventstore/testing/consumer_storage_contract.h"

// Part of contract_suite.h: owners of one consumer that handle different event
// types, as releases do while one takes the place of another.
namespace stele::testing {

using ::testing::HasSubstr;

class ReleasesContract : public ConsumerStorageContract {
 protected:
  using Types = std::vector<std::string>;

  void SetUp() override {
    ConsumerStorageContract::SetUp();
    ASSERT_THAT(consumers().Register(kName, 4, 0), IsOk());
  }

  std::vector<SlotLease> AcquireAs(const std::string& owner, Types types,
                                   absl::Duration lease = kLongLease) {
    const auto leases =
        consumers().Acquire(kName, {owner, std::move(types)}, lease);
    EXPECT_THAT(leases, IsOk());
    return leases.value_or(std::vector<SlotLease>());
  }

  // The owner is there, and has taken no slot yet.
  void Join(const std::string& owner, Types types,
            absl::Duration lease = kLongLease) {
    EXPECT_THAT(consumers().Renew(kName, {owner, std::move(types)}, lease),
                IsOkAndHolds(IsEmpty()));
  }

  std::string WhyItYields(const std::string& owner) {
    const auto list = consumers().List();
    for (const OwnerStatus& known : list->at(0).owners) {
      if (known.name == owner) return known.why_it_yields;
    }
    return "there is no such owner";
  }
};

TEST_P(ReleasesContract, OwnersOfTheSameTypesShareTheSlots) {
  ASSERT_THAT(AcquireAs("a", {"x", "y"}), SizeIs(4));
  EXPECT_THAT(AcquireAs("b", {"y", "x", "y"}), IsEmpty());
  EXPECT_THAT(AcquireAs("a", {"x", "y"}), SizeIs(2));
  EXPECT_THAT(AcquireAs("b", {"y", "x"}), SizeIs(2));
  EXPECT_EQ(WhyItYields("a"), "");
  EXPECT_EQ(WhyItYields("b"), "");
  EXPECT_EQ(consumers().List()->at(0).owners.at(1).types, Types({"x", "y"}));
}

TEST_P(ReleasesContract, WhoHandlesLessIsFencedAsSoonAsTheOtherIsThere) {
  const std::vector<SlotLease> old = AcquireAs("old", {"x"});
  ASSERT_THAT(old, SizeIs(4));
  ASSERT_THAT(Advance(old[0], 1), IsOk());
  Join("new", {"x", "it's \"new\""});
  for (std::size_t i = 0; i < 4; ++i) {
    SlotLease lease = old[i];
    lease.position = i == 0 ? 1 : 0;
    EXPECT_THAT(Advance(lease, 2), StatusIs(absl::StatusCode::kAborted));
  }
  EXPECT_THAT(AcquireAs("old", {"x"}), IsEmpty());
  EXPECT_THAT(WhyItYields("old"),
              AllOf(HasSubstr("another process (new) handles event types that "
                              "this one does not know: it's \"new\""),
                    HasSubstr("deploy it, or stop the other")));
  const std::vector<SlotLease> taken = AcquireAs("new", {"x", "it's \"new\""});
  ASSERT_THAT(taken, SizeIs(4)) << "who yields has no share";
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(taken[i].epoch, old[i].epoch);
  }
  EXPECT_EQ(taken[0].position, 1);
  EXPECT_THAT(Advance(taken[0], 2), IsOk());
}

TEST_P(ReleasesContract, WhoHandlesLessYieldsAlsoIfItComesLater) {
  const std::vector<SlotLease> held = AcquireAs("wide", {"x", "y"});
  Join("narrow", {"y"});
  EXPECT_THAT(AcquireAs("narrow", {"y"}), IsEmpty());
  EXPECT_THAT(Advance(held[0], 1), IsOk());
  EXPECT_THAT(AcquireAs("wide", {"x", "y"}), SizeIs(4));
}

TEST_P(ReleasesContract, WhoHandlesAllTypesHandlesMost) {
  ASSERT_THAT(AcquireAs("some", {"x", "y"}), SizeIs(4));
  Join("all", {});
  EXPECT_THAT(AcquireAs("some", {"x", "y"}), IsEmpty());
  EXPECT_THAT(WhyItYields("some"), HasSubstr("does not know: all;"));
  EXPECT_THAT(AcquireAs("all", {}), SizeIs(4));
}

TEST_P(ReleasesContract, OfSetsThatDifferTheOneThatCameLaterWorks) {
  ASSERT_THAT(AcquireAs("old", {"x", "gone"}), SizeIs(4));
  ASSERT_THAT(AcquireAs("new", {"x", "added"}), SizeIs(4));
  EXPECT_THAT(AcquireAs("old", {"x", "gone"}), IsEmpty());
  EXPECT_THAT(AcquireAs("old again", {"x", "gone"}), IsEmpty())
      << "a process that starts again brings no later release";
  EXPECT_THAT(AcquireAs("new", {"x", "added"}), SizeIs(4));
}

TEST_P(ReleasesContract, TheOlderOfTwoSetsStaysSoHoweverLongItWasSilent) {
  AcquireAs("old", {"x", "gone"}, kShortLease);
  ASSERT_THAT(AcquireAs("new", {"x", "added"}), SizeIs(4));
  const absl::Time deadline = absl::Now() + kPatience;
  while (WhyItYields("old") != "there is no such owner" &&
         absl::Now() < deadline) {
    clock().Advance(absl::Milliseconds(10));
  }
  ASSERT_THAT(AcquireAs("new", {"x", "added"}), SizeIs(4));
  EXPECT_THAT(AcquireAs("old", {"x", "gone"}), IsEmpty())
      << "it was frozen, say, and is no later release for that";
  EXPECT_THAT(AcquireAs("new", {"x", "added"}), SizeIs(4));
}

TEST_P(ReleasesContract, ThereIsAlwaysOneThatWorks) {
  // Each would yield to the next by its own lights: the last is contained in
  // the first, and came later than the second.
  AcquireAs("one", {"x", "y"});
  AcquireAs("two", {"z"});
  AcquireAs("three", {"x"});
  EXPECT_THAT(AcquireAs("one", {"x", "y"}), IsEmpty());
  EXPECT_THAT(AcquireAs("two", {"z"}), SizeIs(4));
  EXPECT_THAT(AcquireAs("three", {"x"}), IsEmpty());
}

TEST_P(ReleasesContract, WhoYieldsGoesOnWhenTheOthersAreReleased) {
  AcquireAs("old", {"x"});
  ASSERT_THAT(AcquireAs("new", {"x", "y"}), SizeIs(4));
  ASSERT_THAT(AcquireAs("old", {"x"}), IsEmpty());
  ASSERT_THAT(consumers().Release(kName, "new"), IsOk());
  EXPECT_THAT(WhyItYields("old"), HasSubstr("is about to go on"));
  EXPECT_THAT(AcquireAs("old", {"x"}), SizeIs(4));
  EXPECT_EQ(WhyItYields("old"), "");
}

TEST_P(ReleasesContract, WhoFailedAndComesBackIsYieldedTo) {
  AcquireAs("old", {"x"});
  ASSERT_THAT(AcquireAs("new", {"x", "y"}), SizeIs(4));
  ASSERT_THAT(consumers().Suspend(kName, "new"), IsOk());
  EXPECT_EQ(consumers().List()->at(0).slots.at(0).owner, "");
  EXPECT_THAT(AcquireAs("old", {"x"}), IsEmpty());
  EXPECT_THAT(AcquireAs("new 2", {"x", "y"}), SizeIs(4)) << "its share is free";
  EXPECT_THAT(consumers().Suspend("unknown", "new"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(ReleasesContract, WhoYieldsGoesOnWhenTheOthersAreNotHeardOf) {
  AcquireAs("old", {"x"});
  ASSERT_THAT(AcquireAs("new", {"x", "y"}, kShortLease), SizeIs(4));
  const absl::Time deadline = absl::Now() + kPatience;
  std::vector<SlotLease> leases;
  while (leases.empty() && absl::Now() < deadline) {
    clock().Advance(absl::Milliseconds(10));
    leases = AcquireAs("old", {"x"});
  }
  EXPECT_THAT(leases, SizeIs(4));
}

TEST_P(ReleasesContract, AnOwnerMayComeBackWithOtherTypes) {
  AcquireAs("a", {"x"});
  AcquireAs("b", {"x", "y"});
  ASSERT_THAT(AcquireAs("a", {"x"}), IsEmpty());
  ASSERT_THAT(AcquireAs("a", {"x", "y", "z"}), SizeIs(4));
  EXPECT_THAT(AcquireAs("b", {"x", "y"}), IsEmpty());
}

}  // namespace stele::testing

#endif  // STELE_EVENTSTORE_TESTING_RELEASES_CONTRACT_H_
