// A repeated command id returns the first receipt.

#include <thread>

#include "dispatcher_fixture.h"
#include "stele/eventstore/transaction.h"

namespace stele {
namespace {

using till::MakeExchange;
using till::MakeLook;
using till::MakeOpenTill;
using till::MakePayIn;
using till::MakePayOut;

class RepeatTest : public DispatcherTest {
 protected:
  const DispatchOptions again_ = {.command_id = SequentialId(500)};
};

STELE_ON_ALL_STORES(RepeatTest);

MATCHER_P(IsRepeatOf, first, "") {
  *result_listener << arg.status().ToString();
  return arg.ok() && first.ok() && arg->was_duplicate &&
         arg->stream_id == first->stream_id && arg->version == first->version &&
         arg->position == first->position && arg->events == first->events &&
         arg->command_id == first->command_id;
}

TEST_P(RepeatTest, ReturnsTheFirstReceipt) {
  OpenWith("a", 100);
  const auto first = Dispatch(MakeExchange("a", 10), again_);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_THAT(Dispatch(MakeExchange("a", 10), again_), IsRepeatOf(first));
  EXPECT_EQ(Load("a").version, 5);
}

TEST_P(RepeatTest, ReturnsItFromAnotherProcess) {
  Open("a");
  const auto first = Dispatch(MakePayIn("a", 10), again_);
  EXPECT_THAT(NewDispatcher()->Dispatch(MakePayIn("a", 10), again_),
              IsRepeatOf(first));
  EXPECT_EQ(Load("a").state.cents(), 10);
}

// The money is gone by then: the rules would refuse to pay it out again.
TEST_P(RepeatTest, ReturnsItThoughTheRulesWouldRefuseNow) {
  OpenWith("a", 100);
  const auto first = Dispatch(MakePayOut("a", 100), again_);
  EXPECT_THAT(Dispatch(MakePayOut("a", 100), again_), IsRepeatOf(first));
  EXPECT_THAT(Dispatch(MakePayOut("a", 100), {.command_id = SequentialId(501)}),
              RejectedFor("insufficient_funds"));
}

TEST_P(RepeatTest, ReturnsItThoughNothingWouldChangeNow) {
  Open("a");
  const auto first = Dispatch(MakePayIn("a", 1), again_);
  EXPECT_THAT(Dispatch(MakeLook("a"), again_), IsRepeatOf(first));
}

TEST_P(RepeatTest, ReturnsItThoughTheDeciderWouldThrowNow) {
  Open("a");
  const auto first = Dispatch(MakePayIn("a", 1), again_);
  EXPECT_THAT(Dispatch(till::MakeMisbehave("a", till::MISDEED_THROW), again_),
              IsRepeatOf(first));
}

TEST_P(RepeatTest, ReturnsItThoughTheStreamCannotBeReadNow) {
  Open("a");
  const auto first = Dispatch(MakePayIn("a", 1), again_);
  AppendRaw("a", "till.Shredded", "");
  EXPECT_THAT(Dispatch(MakePayIn("a", 1), again_), IsRepeatOf(first));
}

TEST_P(RepeatTest, ReturnsItOfACreatingCommand) {
  const auto first = Dispatch(MakeOpenTill("a"), again_);
  ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  EXPECT_THAT(Dispatch(MakeOpenTill("a"), again_), IsRepeatOf(first));
  // Even if it were refused by now for another reason.
  EXPECT_THAT(Dispatch(MakeOpenTill("a", ""), again_), IsRepeatOf(first));
  EXPECT_THAT(Dispatch(MakeOpenTill("a"), {.command_id = SequentialId(501)}),
              RejectedFor("already_exists"));
}

TEST_P(RepeatTest, ReturnsItWhenASnapshotHidesTheEvents) {
  OpenWith("a", 100);
  const auto first = Dispatch(MakePayOut("a", 100), again_);
  for (int i = 0; i < 10; ++i) ASSERT_THAT(Dispatch(MakePayIn("a", 1)), IsOk());
  ASSERT_GT(store_.snapshot_saves, 0);
  EXPECT_THAT(Dispatch(MakePayOut("a", 100), again_), IsRepeatOf(first));
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), again_), IsRepeatOf(first));
}

TEST_P(RepeatTest, ReturnsItAfterTheStreamWasTombstoned) {
  Open("a");
  const auto first = Dispatch(MakePayIn("a", 1), again_);
  ASSERT_THAT(store_.Tombstone("till-a", ExpectedVersion::Any()), IsOk());
  EXPECT_THAT(Dispatch(MakePayIn("a", 1), again_), IsRepeatOf(first));
}

TEST_P(RepeatTest, ReturnsItInsideATransaction) {
  OpenWith("a", 100);
  const auto first = Dispatch(MakePayOut("a", 100), again_);
  EXPECT_THAT(store_.Transact([&](Transaction& tx) {
    const auto second =
        dispatcher_->DispatchIn(tx, MakePayOut("a", 100), again_);
    EXPECT_THAT(second, IsRepeatOf(first));
    return second.status();
  }),
              IsOk());
  EXPECT_EQ(Load("a").version, 3);
}

TEST_P(RepeatTest, RefusedCommandIsDecidedAfresh) {
  Open("a");
  EXPECT_THAT(Dispatch(MakePayOut("a", 5), again_),
              RejectedFor("insufficient_funds"));
  ASSERT_THAT(Dispatch(MakePayIn("a", 5)), IsOk());
  const auto receipt = Dispatch(MakePayOut("a", 5), again_);
  ASSERT_THAT(receipt, IsOk());
  EXPECT_FALSE(receipt->was_duplicate);
}

TEST_P(RepeatTest, OneCommandIdOnTwoStreamsIsTwoCommands) {
  Open("a");
  Open("b");
  for (const char* till_id : {"a", "b"}) {
    const auto receipt = Dispatch(MakePayIn(till_id, 1), again_);
    ASSERT_THAT(receipt, IsOk());
    EXPECT_FALSE(receipt->was_duplicate);
  }
  EXPECT_NE(Read("a")[1].id, Read("b")[1].id);
}

TEST_P(RepeatTest, AcceptedCommandCostsNoLook) {
  Open("a");
  ASSERT_THAT(Dispatch(MakePayIn("a", 1), again_), IsOk());
  EXPECT_EQ(store_.looks, 0);
  ASSERT_THAT(Dispatch(MakePayOut("a", 100)),
              RejectedFor("insufficient_funds"));
  EXPECT_EQ(store_.looks, 0);  // Nobody can have sent its id before.
}

TEST_P(RepeatTest, ManyAtOnceWriteOnce) {
  constexpr int kThreads = 16;
  Open("a");
  const auto dispatcher = NewDispatcher(/*conflict_retries_max=*/1000);
  std::vector<absl::StatusOr<Receipt>> receipts(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      receipts[i] = dispatcher->Dispatch(MakePayIn("a", 7), again_);
    });
  }
  for (std::thread& thread : threads) thread.join();
  int firsts = 0;
  for (const auto& receipt : receipts) {
    ASSERT_THAT(receipt, IsOk());
    EXPECT_EQ(receipt->version, 2);
    if (!receipt->was_duplicate) ++firsts;
  }
  EXPECT_EQ(firsts, 1);
  EXPECT_EQ(Load("a").state.cents(), 7);
}

}  // namespace
}  // namespace stele
