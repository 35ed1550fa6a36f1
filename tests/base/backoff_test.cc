#include "stele/base/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "stele/base/clock.h"
#include "stele/testing/fake_clock.h"

namespace stele {
namespace {

constexpr std::uint64_t kSeed = 42;

TEST(BackoffTest, EachWaitIsWithinItsGrowingBound) {
  Backoff backoff({absl::Milliseconds(10), absl::Seconds(1), 2.0}, kSeed);
  absl::Duration bound = absl::Milliseconds(10);
  for (int i = 0; i < 50; ++i) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GT(wait, absl::ZeroDuration());
    EXPECT_LE(wait, bound);
    bound = std::min(bound * 2, absl::Duration(absl::Seconds(1)));
  }
  EXPECT_EQ(backoff.failures(), 50);
}

TEST(BackoffTest, SuccessStartsAnew) {
  Backoff backoff({absl::Milliseconds(10), absl::Hours(1), 10.0}, kSeed);
  for (int i = 0; i < 10; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_EQ(backoff.failures(), 0);
  EXPECT_LE(backoff.Next(), absl::Milliseconds(10));
}

TEST(BackoffTest, WaitsAreSpreadOverTheWholeRange) {
  Backoff backoff({absl::Seconds(1), absl::Seconds(1), 1.0}, kSeed);
  int early = 0;
  for (int i = 0; i < 1000; ++i) {
    if (backoff.Next() < absl::Milliseconds(500)) ++early;
  }
  EXPECT_GT(early, 400);
  EXPECT_LT(early, 600);
}

TEST(BackoffTest, TheSameSeedWaitsTheSame) {
  Backoff one({}, kSeed);
  Backoff other({}, kSeed);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(one.Next(), other.Next());
}

TEST(BackoffTest, EndlessFailuresStayAtTheCap) {
  Backoff backoff({absl::Milliseconds(1), absl::Seconds(30), 3.0}, kSeed);
  for (int i = 0; i < 20'000; ++i) {
    EXPECT_LE(backoff.Next(), absl::Seconds(30));
  }
}

TEST(BackoffTest, SenselessOptionsAreBroughtWithinBounds) {
  Backoff backoff({absl::ZeroDuration(), absl::Seconds(-1), 0.0}, kSeed);
  for (int i = 0; i < 10; ++i) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GT(wait, absl::ZeroDuration());
    EXPECT_LE(wait, absl::Microseconds(1));
  }
}

TEST(ClockTest, TheFakeOneMovesOnlyWhenTold) {
  testing::FakeClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), start + absl::Seconds(5));
  clock.Set(absl::UnixEpoch());
  EXPECT_EQ(clock.Now(), absl::UnixEpoch());
}

TEST(ClockTest, TheSystemsOneGoesOn) {
  const absl::Time first = SystemClock().Now();
  EXPECT_GT(first, absl::FromUnixSeconds(1'700'000'000));
}

}  // namespace
}  // namespace stele
