// Projections on the store in memory: the same engine, without a database.
#include <gmock/gmock.h>

#include <string>
#include <thread>

#include "bank_events.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/in_memory.h"
#include "stele/eventstore/transaction.h"
#include "stele/projections/projections.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"
#include "tests/model/bank_sql_rules.h"

namespace stele::testing {
namespace {

using ::absl::StatusCode;
using ::bank::AccountBalance;
using ::bank::Balances;
using ::testing::AllOf;
using ::testing::HasSubstr;

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

// Refuses to take more than 1000 at once.
struct Cautious : Balances {
  using Balances::Apply;
  static void Apply(AccountBalance& row, const Recorded<bank::Withdrawn>& e) {
    if (e->amount_cents() > 1000) throw std::runtime_error("too much");
    Balances::Apply(row, e);
  }
};

class MemoryProjectionsTest : public ::testing::Test {
 protected:
  ~MemoryProjectionsTest() override { Stop(); }

  void Start(ProjectionSetup setup) {
    ProjectionsOptions options;
    options.poll = absl::Milliseconds(20);
    options.park_backoff = {absl::Milliseconds(20), absl::Milliseconds(50)};
    std::vector<ProjectionSetup> setups;
    setups.push_back(std::move(setup));
    auto made = Projections::Create(*store_, std::move(setups), options);
    ASSERT_THAT(made, IsOk());
    projections_ = *std::move(made);
    thread_ = std::jthread([this](std::stop_token stop) {
      EXPECT_THAT(projections_->Run(stop), IsOk());
    });
  }
  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  std::int64_t BalanceOf(const std::string& account) {
    const auto row = FindRow<AccountBalance>(projections_->reader(), account);
    EXPECT_THAT(row, IsOk());
    return row.ok() ? row->balance_cents() : -1;
  }

  std::unique_ptr<EventStore> store_ = MakeInMemoryEventStore();
  std::unique_ptr<Projections> projections_;
  std::jthread thread_;
};

TEST_F(MemoryProjectionsTest, FoldsEventsIntoRows) {
  Start({MakeProjectionType<Balances>()});
  const auto position =
      Append(*store_, "ada", {Opened("Ada"), Paid(500), Took(20)});
  ASSERT_THAT(position, IsOk());
  ASSERT_THAT(projections_->WaitFor("AccountBalance", *position, Soon()),
              IsOk());
  const auto row = FindRow<AccountBalance>(projections_->reader(), "ada");
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->owner(), "Ada");
  EXPECT_EQ(row->balance_cents(), 480);
  EXPECT_THAT(FindRow<AccountBalance>(projections_->reader(), "bob"),
              StatusIs(StatusCode::kNotFound));
}

TEST_F(MemoryProjectionsTest, InlineRowsAreThereWhenTheAppendReturns) {
  ASSERT_THAT(Append(*store_, "old", {Opened("Before"), Paid(7)}), IsOk());
  Start({MakeProjectionType<Balances>(), /*is_inline=*/true});
  EXPECT_EQ(BalanceOf("old"), 7);
  ASSERT_THAT(Append(projections_->store(), "ada", {Opened("Ada"), Paid(5)}),
              IsOk());
  EXPECT_EQ(BalanceOf("ada"), 5);
}

TEST_F(MemoryProjectionsTest, TwoAppendsInOneTransactionBuildOnEachOther) {
  Start({MakeProjectionType<Balances>(), /*is_inline=*/true});
  ASSERT_THAT(
      projections_->store().Transact([&](Transaction& tx) -> absl::Status {
        for (const std::int64_t cents : {3, 4}) {
          const AppendRequest request{.stream_id = "account-ada",
                                      .events = {Paid(cents)}};
          STELE_RETURN_IF_ERROR(tx.AppendAll(std::span(&request, 1)));
        }
        return absl::OkStatus();
      }),
      IsOk());
  EXPECT_EQ(BalanceOf("ada"), 7);
}

TEST_F(MemoryProjectionsTest, AnInlineFailureKeepsTheEventOut) {
  Start({MakeProjectionType<Cautious>(), /*is_inline=*/true});
  ASSERT_THAT(Append(projections_->store(), "ada", {Paid(5000)}), IsOk());
  EXPECT_THAT(Append(projections_->store(), "ada", {Took(2000)}),
              StatusIs(StatusCode::kInternal, HasSubstr("too much")));
  EXPECT_EQ(BalanceOf("ada"), 5000);
  EXPECT_EQ(store_->GetStream("account-ada")->version, 1);
}

TEST_F(MemoryProjectionsTest, APoisonEventParksItsKeyAndNoOther) {
  Start({MakeProjectionType<Cautious>()});
  ASSERT_THAT(Append(*store_, "ada", {Paid(5000), Took(2000), Paid(1)}),
              IsOk());
  const auto poison = Append(*store_, "eve", {Corrupt()});
  ASSERT_THAT(poison, IsOk());
  const auto last = Append(*store_, "bob", {Opened("Bob"), Paid(3)});
  ASSERT_THAT(projections_->WaitFor("AccountBalance", *last, Soon()), IsOk());
  EXPECT_EQ(BalanceOf("bob"), 3);
  EXPECT_EQ(BalanceOf("ada"), 5000);
  EXPECT_THAT(
      projections_->WaitFor("AccountBalance", *poison, Soon()),
      StatusIs(StatusCode::kFailedPrecondition, HasSubstr("cannot be parsed")));
  const auto consumers = store_->consumers().List();
  ASSERT_THAT(consumers, IsOk());
  ASSERT_EQ(consumers->size(), 1u);
  EXPECT_EQ(consumers->front().parked_keys, 2);
}

TEST_F(MemoryProjectionsTest, ANulInTextParksJustAsItWouldInATable) {
  Start({MakeProjectionType<Balances>()});
  const auto poison = Append(*store_, "ada", {Opened(std::string("A\0da", 4))});
  const auto last = Append(*store_, "bob", {Opened("'; DROP TABLE x; --")});
  ASSERT_THAT(projections_->WaitFor("AccountBalance", *last, Soon()), IsOk());
  EXPECT_THAT(
      projections_->WaitFor("AccountBalance", *poison, Soon()),
      StatusIs(StatusCode::kFailedPrecondition, HasSubstr("holds a NUL")));
}

TEST_F(MemoryProjectionsTest, EventsThatAreAboutNoRowArePassedOver) {
  Start({MakeProjectionType<bank::TransferStatuses>()});
  ASSERT_THAT(Append(*store_, "ada", {Paid(5)}), IsOk());
  const auto last = Append(*store_, "ada", {Paid(5, "t1")});
  ASSERT_THAT(projections_->WaitFor("TransferStatus", *last, Soon()), IsOk());
  const auto row = FindRow<bank::TransferStatus>(projections_->reader(), "t1");
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->status(), "done");
}

TEST_F(MemoryProjectionsTest, ADeletedRowIsGone) {
  Start({MakeProjectionType<bank::TransferStatuses>()});
  const auto last = Append(
      *store_, "ada",
      {Took(5, "t1"), NewEventOf(bank::MakeRefunded({.transfer_id = "t1"})),
       NewEventOf(bank::MakeRefunded({.transfer_id = "never was"}))});
  ASSERT_THAT(projections_->WaitFor("TransferStatus", *last, Soon()), IsOk());
  EXPECT_THAT(FindRow<bank::TransferStatus>(projections_->reader(), "t1"),
              StatusIs(StatusCode::kNotFound));
}

TEST_F(MemoryProjectionsTest, WaitingEndsAtTheDeadline) {
  Start({MakeProjectionType<Balances>()});
  EXPECT_THAT(projections_->WaitFor("AccountBalance", 1000, absl::Now()),
              StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_THAT(projections_->WaitFor("Nothing", 1, absl::Now()),
              StatusIs(StatusCode::kNotFound));
}

TEST(MemoryProjectionsSetupTest, TheSqlFormNeedsSql) {
  const auto store = MakeInMemoryEventStore();
  EXPECT_THAT(
      Projections::Create(*store, {{MakeProjectionType<bank::Turnover>()}}),
      StatusIs(StatusCode::kFailedPrecondition, HasSubstr("written in SQL")));
}

TEST(MemoryProjectionsSetupTest, AReaderByItselfNeedsSql) {
  const auto store = MakeInMemoryEventStore();
  EXPECT_THAT(MakeRowReader(*store), StatusIs(StatusCode::kFailedPrecondition));
}

TEST(MemoryProjectionsSetupTest, OneNameTwiceIsRefused) {
  const auto store = MakeInMemoryEventStore();
  EXPECT_THAT(Projections::Create(*store, {{MakeProjectionType<Balances>()},
                                           {MakeProjectionType<Balances>()}}),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(MemoryProjectionsSetupTest, AllThatIsWrongIsSaidAtOnce) {
  const auto store = MakeInMemoryEventStore();
  ProjectionType nameless = MakeProjectionType<Balances>();
  nameless.name = "";
  nameless.events.clear();
  ProjectionsOptions options;
  options.slots = 0;
  options.poll = absl::ZeroDuration();
  EXPECT_THAT(
      Projections::Create(*store, {{nameless}}, options),
      StatusIs(StatusCode::kInvalidArgument,
               AllOf(HasSubstr("slots must be"), HasSubstr("poll must be"),
                     HasSubstr("the projection's name"),
                     HasSubstr("consumes no events"))));
}

}  // namespace
}  // namespace stele::testing
