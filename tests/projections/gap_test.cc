#include "rebuild/gap.h"

#include <gtest/gtest.h>

namespace stele::projections_internal {
namespace {

TEST(GapTest, CheckpointsCoverOthersSlotBySlot) {
  const Checkpoints here{{10, 20}, 0};
  EXPECT_TRUE(CoversBySlot(here, {{10, 20}, 0}));
  EXPECT_TRUE(CoversBySlot(here, {{9, 20}, 0}));
  EXPECT_FALSE(CoversBySlot(here, {{11, 2}, 0}));
  EXPECT_FALSE(CoversBySlot(here, {{10, 20, 1}, 0}));
  EXPECT_FALSE(CoversBySlot(here, {}));
  EXPECT_FALSE(CoversBySlot({}, {}));
}

TEST(GapTest, WhatIsNotRegisteredStandsAtItsStart) {
  EXPECT_EQ(Checkpoints().Least(7), 7);
  EXPECT_EQ(Checkpoints().Most(7), 7);
  EXPECT_EQ((Checkpoints{{3, 9}, 0}).Least(7), 3);
  EXPECT_EQ((Checkpoints{{3, 9}, 0}).Most(7), 9);
}

}  // namespace
}  // namespace stele::projections_internal
