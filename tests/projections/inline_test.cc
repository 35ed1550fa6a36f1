// Rows that commit with the append.
#include <thread>

#include "pg_fixture.h"
#include "tests/model/bank_sql_rules.h"
#include "tests/model/bank_touches.h"

namespace stele::testing {
namespace {

using ::absl::StatusCode;
using ::bank::Balances;
using ::testing::HasSubstr;

struct NewerBalances : Balances {
  static constexpr int kVersion = 2;
};

struct RefusingBalances : Balances {
  using Balances::Apply;
  static void Apply(bank::AccountBalance& row,
                    const Recorded<bank::Withdrawn>& e) {
    if (e->amount_cents() == 13) throw std::runtime_error("no thirteen");
    Balances::Apply(row, e);
  }
};

class InlineTest : public PgTest {
 protected:
  std::string Balance(const std::string& account) {
    return Query("SELECT balance_cents FROM " + views() +
                 ".account_balance WHERE account_id = '" + account + "'");
  }
};

TEST_F(InlineTest, RowsAreThereWhenTheAppendReturns) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  ASSERT_THAT(Append((*process)->store(), "ada", {Opened("Ada"), Paid(5)}),
              IsOk());
  EXPECT_EQ(Balance("ada"), "5");
  const auto last = Append((*process)->store(), "ada", {Took(2)});
  ASSERT_THAT(last, IsOk());
  EXPECT_EQ(Balance("ada"), "3");
  EXPECT_THAT((*process)->WaitFor("AccountBalance", *last, absl::Now()),
              IsOk());
}

TEST_F(InlineTest, AProcessThatOnlyReadsFindsRows) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  ASSERT_THAT(Append((*process)->store(), "ada", {Opened("Ada"), Paid(5)}),
              IsOk());
  const auto store = OpenStore();
  for (const std::string& read_schema : {std::string(), views()}) {
    const auto reader = MakeRowReader(*store, read_schema);
    ASSERT_THAT(reader, IsOk());
    const auto row = FindRow<bank::AccountBalance>(**reader, "ada");
    ASSERT_THAT(row, IsOk());
    EXPECT_EQ(row->balance_cents(), 5);
    EXPECT_THAT(FindRow<bank::AccountBalance>(**reader, "bob"),
                StatusIs(StatusCode::kNotFound));
  }
  const auto elsewhere = MakeRowReader(*store, schema_ + "_elsewhere");
  ASSERT_THAT(elsewhere, IsOk());
  EXPECT_THAT(FindRow<bank::AccountBalance>(**elsewhere, "ada"),
              StatusIs(StatusCode::kNotFound, HasSubstr("no read model")));
}

TEST_F(InlineTest, TheSqlFormToo) {
  auto process = StartProcess(MakeProjectionType<bank::Turnover>(), "a", true);
  ASSERT_THAT(Append((*process)->store(), "ada", {Paid(5), Paid(6)}), IsOk());
  EXPECT_EQ(Rows(views() + ".daily_turnover", "direction, amount_cents, count"),
            "(in,11,2)");
}

TEST_F(InlineTest, AFailureKeepsBothOut) {
  auto process =
      StartProcess(MakeProjectionType<RefusingBalances>(), "a", true);
  ASSERT_THAT(Append((*process)->store(), "ada", {Paid(50)}), IsOk());
  EXPECT_THAT(Append((*process)->store(), "ada", {Paid(1), Took(13)}),
              StatusIs(StatusCode::kInternal, HasSubstr("no thirteen")));
  EXPECT_EQ(Balance("ada"), "50");
  EXPECT_EQ(store_->GetStream("account-ada")->version, 1);
  EXPECT_THAT(Append((*process)->store(), "bob", {Took(13)}),
              StatusIs(StatusCode::kInternal));
  EXPECT_EQ(Balance("bob"), "");  // Not even the row made to lock it.
}

TEST_F(InlineTest, AConflictKeepsBothOut) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  ASSERT_THAT(Append((*process)->store(), "ada", {Paid(50)}), IsOk());
  EXPECT_THAT((*process)->store().Append(
                  {.stream_id = "account-ada",
                   .expected_version = ExpectedVersion::NoStream(),
                   .events = {Paid(1)}}),
              StatusIs(StatusCode::kAborted));
  EXPECT_EQ(Balance("ada"), "50");
}

TEST_F(InlineTest, ARepeatedAppendCountsOnce) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  const AppendRequest request{.stream_id = "account-ada", .events = {Paid(50)}};
  ASSERT_THAT((*process)->store().Append(request), IsOk());
  const auto again = (*process)->store().Append(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->was_duplicate);
  EXPECT_EQ(Balance("ada"), "50");
}

TEST_F(InlineTest, ConcurrentAppendsOnOneRowLoseNothing) {
  // One row for all accounts: every append meets it.
  auto process = StartProcess(MakeProjectionType<bank::Touches>(), "a", true);
  constexpr int kThreads = 6;
  constexpr int kAppends = 15;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kAppends; ++i) {
          // The row is made by whoever comes first: the race for it is on.
          EXPECT_THAT(
              Append((*process)->store(), absl::StrCat("acc", t, "_", i),
                     {Paid(1, absl::StrCat("row", i % 3))}),
              IsOk());
        }
      });
    }
  }
  EXPECT_EQ(
      Query("SELECT sum(amount_cents) FROM " + views() + ".transfer_status"),
      absl::StrCat(kThreads * kAppends));
  EXPECT_EQ(Query("SELECT count(*) FROM " + views() + ".transfer_status"), "3");
}

TEST_F(InlineTest, CatchesUpWithTheLogBeforeItGoesInline) {
  ASSERT_THAT(Append(*store_, "ada", {Opened("Ada"), Paid(5)}), IsOk());
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  const auto meanwhile = Append((*process)->store(), "ada", {Paid(6)});
  ASSERT_THAT((*process)->WaitFor("AccountBalance", *meanwhile, Soon()),
              IsOk());
  EXPECT_EQ(Balance("ada"), "11");
  Await("inline", [&] { return ActiveConsumer("AccountBalance").empty(); });
  ASSERT_THAT(Append((*process)->store(), "ada", {Paid(7)}), IsOk());
  EXPECT_EQ(Balance("ada"), "18");
}

TEST_F(InlineTest, GoesBackBehindTheLogWithoutLosingAnEvent) {
  {
    auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
    ASSERT_THAT(Append((*process)->store(), "ada", {Paid(5)}), IsOk());
  }
  auto process = StartProcess(MakeProjectionType<Balances>(), "b");
  const auto last = Append((*process)->store(), "ada", {Paid(6)});
  ASSERT_THAT((*process)->WaitFor("AccountBalance", *last, Soon()), IsOk());
  EXPECT_EQ(Balance("ada"), "11");
}

TEST_F(InlineTest, OtherCodeMustStopBeforeAnInlineProjectionChanges) {
  auto old = StartProcess(MakeProjectionType<Balances>(), "old", true);
  ASSERT_THAT(Append((*old)->store(), "ada", {Paid(5)}), IsOk());
  Process refused(*store_, {{MakeProjectionType<NewerBalances>(), true}},
                  FastOptions("new"));
  EXPECT_THAT(refused.status(), StatusIs(StatusCode::kFailedPrecondition,
                                         HasSubstr("first: old")));
  old->Stop();
  auto process = StartProcess(MakeProjectionType<NewerBalances>(), "new", true);
  AwaitActive("AccountBalance", 2);
  ASSERT_THAT(Append((*process)->store(), "ada", {Paid(6)}), IsOk());
  EXPECT_EQ(Balance("ada"), "11");
  // The one that was stopped, or hung, cannot spoil the table.
  EXPECT_THAT(
      Append((*old)->store(), "ada", {Paid(6)}),
      StatusIs(StatusCode::kFailedPrecondition, HasSubstr("other code")));
}

TEST_F(InlineTest, ARebuildUnderAppendersLosesNothing) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a", true);
  ASSERT_THAT(Append((*process)->store(), "acc0", {Paid(1)}), IsOk());
  std::atomic<bool> is_done = false;
  std::atomic<int> appended = 1;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      while (!is_done) {
        ASSERT_THAT(
            Append((*process)->store(), absl::StrCat("acc", t), {Paid(1)}),
            IsOk());
        ++appended;
      }
    });
  }
  EXPECT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  AwaitActive("AccountBalance", 2);
  const int at_switch = appended;
  Await("appends after the switch", [&] { return appended >= at_switch + 10; });
  is_done = true;
  threads.clear();
  EXPECT_EQ(
      Query("SELECT sum(balance_cents) FROM " + views() + ".account_balance"),
      absl::StrCat(appended.load()));
  // And back, with what was appended since.
  ASSERT_THAT(admin_->Undo("AccountBalance", Soon()), IsOk());
  EXPECT_EQ(StatusOf("AccountBalance").active.version, 1);
  ASSERT_THAT(Append((*process)->store(), "acc0", {Paid(1)}), IsOk());
  EXPECT_EQ(
      Query("SELECT sum(balance_cents) FROM " + views() + ".account_balance"),
      absl::StrCat(appended.load() + 1));
}

}  // namespace
}  // namespace stele::testing
