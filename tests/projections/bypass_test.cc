// Appends of whoever does not have an inline projection that they concern.
#include "pg_fixture.h"

namespace stele::testing {
namespace {

using ::absl::StatusCode;
using ::bank::Balances;
using ::testing::AllOf;
using ::testing::HasSubstr;

class BypassTest : public PgTest {
 protected:
  std::string Balance(const std::string& account) {
    return Query("SELECT balance_cents FROM " + views() +
                 ".account_balance WHERE account_id = '" + account + "'");
  }
};

// As Balances was before it counted withdrawals.
ProjectionType OlderBalances() {
  ProjectionType type = MakeProjectionType<Balances>();
  std::erase_if(type.events, [](const ProjectionEvent& event) {
    return event.type == EventTraits<bank::Withdrawn>::kType;
  });
  return type;
}

TEST_F(BypassTest, AStoreThatDoesNotHaveTheProjectionIsRefused) {
  auto other_store = OpenStore();  // Another process, opened before.
  ASSERT_THAT(Append(*other_store, "ada", {Paid(1)}), IsOk());
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  EXPECT_THAT(Append(*other_store, "ada", {Paid(2)}),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("bank.Deposited"),
                             HasSubstr("AccountBalance"))));
  // In a transaction, too.
  EXPECT_THAT(other_store->Transact([&](Transaction& tx) {
    const AppendRequest request{.stream_id = "account-ada",
                                .events = {Paid(2)}};
    return tx.AppendAll(std::span(&request, 1)).status();
  }),
              StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_THAT(Append((*process)->store(), "ada", {Paid(4)}), IsOk());
  Await("what was there before", [&] { return Balance("ada") == "5"; });
}

TEST_F(BypassTest, OtherAppendsOfItsGroupGoOn) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  auto other_store = OpenStore();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        NewEvent event = Paid(1);
        if (t % 2 == 0) event.type = "bank.Unrelated";
        EXPECT_THAT(Append(*other_store, absl::StrCat("acc", t), {event}),
                    StatusIs(t % 2 == 0 ? StatusCode::kOk
                                        : StatusCode::kFailedPrecondition));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(Query("SELECT count(*) FROM " + schema_ + ".events"), "80");
}

TEST_F(BypassTest, OlderCodeOfTheProjectionIsRefused) {
  auto old_store = OpenStore();
  auto old = std::make_unique<Process>(
      *old_store, std::vector<ProjectionSetup>{{OlderBalances(), true}},
      FastOptions("old"));
  ASSERT_THAT(old->status(), IsOk());
  ASSERT_THAT(Append((*old)->store(), "ada", {Paid(5), Took(1)}), IsOk());
  EXPECT_EQ(Balance("ada"), "5");
  old->Run();
  old->Stop();  // It says that it is gone; yet its code goes on appending.
  auto process = StartProcess(MakeProjectionType<Balances>(), "new", true);
  AwaitActive("AccountBalance", 2);
  EXPECT_EQ(Balance("ada"), "4");
  EXPECT_THAT(Append((*old)->store(), "ada", {Took(1)}),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(Append((*old)->store(), "ada", {Paid(1)}),
              StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_THAT(Append((*process)->store(), "ada", {Took(1)}), IsOk());
  EXPECT_EQ(Balance("ada"), "3");
}

// The first process is gone when the second builds the table of its code.
TEST_F(BypassTest, WhatIsAppendedDuringABuildIsThereAfterUndo) {
  auto old = StartProcess(OlderBalances(), "old", true);
  ASSERT_THAT(Append((*old)->store(), "ada", {Paid(5)}), IsOk());
  old.reset();
  ProjectionsOptions options = FastOptions("new");
  Process process(*store_, {{MakeProjectionType<Balances>(), true}}, options);
  ASSERT_THAT(process.status(), IsOk());
  process.Run();
  // As soon as it may; the build is under way then.
  Await("an append", [&] {
    return Append(process->store(), "ada", {Paid(2), Took(1)}).ok();
  });
  AwaitActive("AccountBalance", 2);
  EXPECT_EQ(Balance("ada"), "6");
  process.Stop();
  old = StartProcess(OlderBalances(), "old again", true);
  ASSERT_THAT(admin_->Undo("AccountBalance", Soon()), IsOk());
  EXPECT_EQ(Balance("ada"), "7");  // It does not count withdrawals.
  ASSERT_THAT(Append((*old)->store(), "ada", {Paid(1), Took(1)}), IsOk());
  EXPECT_EQ(Balance("ada"), "8");
}

TEST_F(BypassTest, OneThatIsNoLongerRunIsPutBehindTheLog) {
  { auto process = StartProcess(MakeProjectionType<Balances>(), "a", true); }
  EXPECT_THAT(Append(*store_, "ada", {Paid(5)}),
              StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_THAT(admin_->PutBehindLog("AccountBalance"), IsOk());
  EXPECT_THAT(admin_->PutBehindLog("AccountBalance"),
              StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_THAT(Append(*store_, "ada", {Paid(5)}), IsOk());
  // Whoever has it inline makes it that again, and has missed nothing.
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  Await("inline", [&] { return ActiveConsumer("AccountBalance").empty(); });
  EXPECT_EQ(Balance("ada"), "5");
  EXPECT_THAT(Append(*store_, "ada", {Paid(5)}),
              StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(BypassTest, BehindTheLogEverybodyAppends) {
  { auto process = StartProcess(MakeProjectionType<Balances>(), "a", true); }
  auto process = StartProcess(MakeProjectionType<Balances>(), "b");
  const auto last = Append(*store_, "ada", {Paid(5)});
  ASSERT_THAT(last, IsOk());
  ASSERT_THAT((*process)->WaitFor("AccountBalance", *last, Soon()), IsOk());
  EXPECT_EQ(Balance("ada"), "5");
}

}  // namespace
}  // namespace stele::testing
