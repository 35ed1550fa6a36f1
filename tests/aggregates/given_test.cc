#include "stele/testing/given.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>

#include "till/till_decider.h"

namespace till {
namespace {

using stele::testing::Given;

// Gives another answer each time it is asked.
struct FickleDecider : TillDecider {
  using TillDecider::Decide;
  static TillDecision Decide(const Till&, const PayIn&) {
    static int asked = 0;
    return MakePaidIn(++asked);
  }
};
static_assert(DecidesTill<FickleDecider>);

Till MakeTill(std::int64_t cents, std::int64_t payments) {
  Till till;
  till.set_is_open(true);
  till.set_cents(cents);
  till.set_payments(payments);
  return till;
}

TEST(GivenTest, ComparesTheEvents) {
  Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
      .When(MakePayOut("a", 20))
      .Then(MakePaidOut(20));
}

TEST(GivenTest, ComparesSeveralEventsInOrder) {
  Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
      .When(MakeExchange("a", 20))
      .Then(MakePaidOut(20), MakePaidIn(20, "exchanged"));
}

TEST(GivenTest, BeginsWithNothing) {
  Given<TillDecider>().When(MakeOpenTill("a", "Ada")).Then(MakeTillOpened());
}

TEST(GivenTest, TakesAHistory) {
  Given<TillDecider>(
      std::vector<TillEvent>{MakeTillOpened(), MakePaidIn(1), MakePaidIn(2)})
      .When(MakePayOut("a", 3))
      .Then(MakePaidOut(3));
}

TEST(GivenTest, KnowsRejections) {
  Given<TillDecider>(MakeTillOpened())
      .When(MakePayOut("a", 20))
      .ThenRejected("insufficient_funds");
}

TEST(GivenTest, KnowsNothing) {
  Given<TillDecider>(MakeTillOpened()).When(MakeLook("a")).ThenNothing();
}

TEST(GivenTest, RefusesToCreateTwiceAsTheDispatcherDoes) {
  Given<TillDecider>(MakeTillOpened())
      .When(MakeOpenTill("a"))
      .ThenRejected("already_exists");
}

TEST(GivenTest, ComparesStates) {
  Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
      .ThenState(MakeTill(50, 1));
  Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
      .When(MakePayOut("a", 20))
      .Then(MakePaidOut(20))
      .ThenState(MakeTill(30, 2));
}

TEST(GivenTest, SaysWhichFieldDiffers) {
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
                              .When(MakePayOut("a", 20))
                              .Then(MakePaidOut(30)),
                          "    event 1: till.PaidOut, expected -> actual\n"
                          "      modified: cents: 30 -> 20\n");
}

TEST(GivenTest, TellsTheWholeStory) {
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
                              .When(MakePayOut("a", 20))
                              .Then(MakePaidOut(30)),
                          "  Decided\n"
                          "    till.PaidOut { cents: 20 }\n"
                          "  Given\n"
                          "    till.TillOpened { clerk: \"Ada\" }\n"
                          "    till.Received { cents: 50 }\n"
                          "  When\n"
                          "    till.PayOut { till_id: \"a\" cents: 20 }\n");
}

TEST(GivenTest, SaysWhichEventIsOfAnotherType) {
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
                              .When(MakePayOut("a", 20))
                              .Then(MakePaidIn(20)),
                          "event 1: expected till.Received, was till.PaidOut");
}

TEST(GivenTest, SaysWhichEventIsMissing) {
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
                              .When(MakePayOut("a", 20))
                              .Then(MakePaidOut(20), MakePaidIn(20)),
                          "event 2: missing till.Received { cents: 20 }");
}

TEST(GivenTest, SaysWhichEventIsUnexpected) {
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
                              .When(MakeExchange("a", 20))
                              .Then(MakePaidOut(20)),
                          "event 2: unexpected till.Received");
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
                              .When(MakePayOut("a", 20))
                              .ThenNothing(),
                          "event 1: unexpected till.PaidOut { cents: 20 }");
}

TEST(GivenTest, SaysThatItWasRejected) {
  EXPECT_NONFATAL_FAILURE(
      Given<TillDecider>(MakeTillOpened())
          .When(MakePayOut("a", 20))
          .Then(MakePaidOut(20)),
      "    till.PaidOut { cents: 20 }\n  but was\n"
      "    rejected: \"insufficient_funds\", There is not that much.\n");
}

TEST(GivenTest, SaysThatItWasNotRejected) {
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>(MakeTillOpened(), MakePaidIn(20))
                              .When(MakePayOut("a", 20))
                              .ThenRejected("insufficient_funds"),
                          "    rejected: \"insufficient_funds\"\n  but was\n"
                          "    till.PaidOut { cents: 20 }\n");
  EXPECT_NONFATAL_FAILURE(
      Given<TillDecider>().When(MakePayOut("a", 20)).ThenRejected("tired"),
      "rejected: \"not_open\"");
}

TEST(GivenTest, SaysHowTheStateDiffers) {
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>(MakeTillOpened(), MakePaidIn(50))
                              .ThenState(MakeTill(40, 1)),
                          "modified: cents: 40 -> 50");
}

TEST(GivenTest, SaysThatTheDeciderThrew) {
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>()
                              .When(MakeMisbehave("a", MISDEED_THROW))
                              .ThenNothing(),
                          "till.Misbehave threw: the drawer is stuck");
  EXPECT_NONFATAL_FAILURE(
      Given<TillDecider>(Cursed()).When(MakeLook("a")).ThenNothing(),
      "till.Cursed threw: this event should never have been");
  EXPECT_NONFATAL_FAILURE(Given<TillDecider>()
                              .When(MakeMisbehave("a", MISDEED_CURSED_EVENT))
                              .Then(MakePaidIn(1), Cursed()),
                          "till.Cursed threw");
}

TEST(GivenTest, SaysThatTheDeciderIsNotPure) {
  EXPECT_NONFATAL_FAILURE(
      {
        const auto decided = Given<FickleDecider>().When(MakePayIn("a", 20));
        static_cast<void>(decided);
      },
      "Decide() is not pure");
}

// The line of the claim, not one inside the library.
TEST(GivenTest, FailsAtTheLineOfTheTest) {
  ::testing::TestPartResultArray failures;
  const int line = __LINE__ + 4;
  {
    ::testing::ScopedFakeTestPartResultReporter reporter(&failures);
    Given<TillDecider>(MakeTillOpened())
        .When(MakeLook("a"))
        .Then(MakePaidIn(1));
  }
  ASSERT_EQ(failures.size(), 1);
  EXPECT_EQ(failures.GetTestPartResult(0).line_number(), line);
  EXPECT_STREQ(failures.GetTestPartResult(0).file_name(), __FILE__);
}

}  // namespace
}  // namespace till
