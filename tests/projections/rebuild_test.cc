// Tables built anew beside the live one, and switched to.
#include <atomic>
#include <thread>

#include "absl/strings/str_join.h"
#include "pg_fixture.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele::testing {
namespace {

using ::absl::StatusCode;
using ::bank::AccountBalance;
using ::bank::Balances;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Counts deposits twice: another meaning, so another table.
struct DoubledBalances : Balances {
  static constexpr int kVersion = 2;
  using Balances::Apply;
  static void Apply(AccountBalance& row, const Recorded<bank::Deposited>& e) {
    row.set_balance_cents(row.balance_cents() + 2 * e->amount_cents());
  }
};

// The same table, kept by code that has an index made for it.
struct IndexedBalances : Balances {
  static constexpr int kVersion = 3;
  static absl::Status Prepare(const SqlTarget& target) {
    target.tx().exec("CREATE INDEX ON " + target.table() + " (owner)");
    return absl::OkStatus();
  }
};

// Fails while a test says so.
std::atomic<bool> is_broken = false;
struct MoodyBalances : Balances {
  using Balances::Apply;
  static void Apply(AccountBalance& row, const Recorded<bank::Withdrawn>& e) {
    if (is_broken) throw std::runtime_error("in a mood");
    Balances::Apply(row, e);
  }
};

class RebuildTest : public PgTest {
 protected:
  std::string View() const { return views() + ".account_balance"; }
  std::string Sum() {
    return Query("SELECT sum(balance_cents) FROM " + View());
  }
  // What the rows must be: a fresh fold of the whole log.
  std::string FreshFold() {
    std::map<std::string, AccountBalance> rows;
    ReadLogRequest request;
    LogProgress progress;
    do {
      request.after_position = progress.position;
      progress = *store_->ReadLog(request, [&](RecordedEvent event) {
        AccountBalance& row = rows[std::string(IdOf(event.stream_id))];
        for (const auto& bound : MakeProjectionType<Balances>().events) {
          if (bound.type != event.type) continue;
          EXPECT_THAT(bound.apply_row(row, event), IsOk());
        }
        return absl::OkStatus();
      });
    } while (!progress.at_head);
    std::vector<std::string> lines;
    for (const auto& [account, row] : rows) {
      lines.push_back(absl::StrCat("(", account, ",",
                                   row.owner().empty() ? "\"\"" : row.owner(),
                                   ",", row.balance_cents(), ")"));
    }
    std::sort(lines.begin(), lines.end());
    return absl::StrJoin(lines, "\n");
  }
  std::string SortedRows() {
    return Query(
        "SELECT string_agg(r::text, E'\\n' ORDER BY r::text COLLATE "
        "\"C\") FROM (SELECT * FROM " +
        View() + ") r");
  }
  void AwaitShown(Process& process, std::int64_t position) {
    ASSERT_THAT(process->WaitFor("AccountBalance", position, Soon()), IsOk());
  }
};

TEST_F(RebuildTest, UnderLoadNoReadFailsAndNoReaderGoesBackInTime) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a");
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Append(*store_, absl::StrCat("acc", i),
                       {Opened("Ada"), Paid(1), Paid(2)}),
                IsOk());
  }
  std::atomic<bool> is_done = false;
  std::atomic<int> reads = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !is_done; ++i) {
        ASSERT_THAT(
            Append(*store_, absl::StrCat("acc", (i + t) % 30), {Paid(1)}),
            IsOk());
      }
    });
    threads.emplace_back([&] {
      pqxx::connection reader{PostgresDsn()};
      reader.prepare("sum", "SELECT sum(balance_cents) FROM " + View());
      std::int64_t last = 0;
      while (!is_done) {
        pqxx::nontransaction work(reader);
        const auto sum = work.exec_prepared("sum")[0][0].as<std::int64_t>(0);
        EXPECT_GE(sum, last);
        last = sum;
        ++reads;
      }
    });
  }
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  AwaitActive("AccountBalance", 2);
  const int at_switch = reads;
  Await("reads after the switch", [&] { return reads > at_switch + 20; });
  is_done = true;
  threads.clear();
  const std::int64_t last = *Append(*store_, "acc0", {Paid(1)});
  AwaitShown(*process, last);
  EXPECT_EQ(SortedRows(), FreshFold());
  const ProjectionStatus status = StatusOf("AccountBalance");
  EXPECT_EQ(status.previous->version, 1);
  EXPECT_TRUE(status.previous->is_kept_current);
  EXPECT_EQ(status.last_error, "");
}

TEST_F(RebuildTest, AQuietRebuildIsComparedAndIdentical) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a");
  AwaitShown(*process, *Append(*store_, "ada", {Opened("Ada"), Paid(5)}));
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  AwaitActive("AccountBalance", 2);
  EXPECT_EQ(StatusOf("AccountBalance").comparison, "identical: 1 rows");
}

TEST_F(RebuildTest, ARowThatWasTamperedWithIsFound) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a");
  AwaitShown(*process, *Append(*store_, "ada", {Opened("Ada"), Paid(5)}));
  AwaitShown(*process, *Append(*store_, "bob", {Opened("Bob"), Paid(5)}));
  Execute("UPDATE " + views() + "." + StatusOf("AccountBalance").active.table +
          " SET balance_cents = 6 WHERE account_id = 'bob'");
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  AwaitActive("AccountBalance", 2);
  EXPECT_THAT(StatusOf("AccountBalance").comparison,
              StartsWith("different: 2 rows, of which 1 changed"));
  EXPECT_EQ(Sum(), "10");
}

TEST_F(RebuildTest, NewCodeReplacesOldAndOldDoesNotComeBackByItself) {
  auto old = StartProcess(MakeProjectionType<Balances>(), "old");
  AwaitShown(*old, *Append(*store_, "ada", {Opened("Ada"), Paid(5)}));
  auto newer = StartProcess(MakeProjectionType<DoubledBalances>(), "new");
  AwaitActive("AccountBalance", 2);
  AwaitShown(*newer, *Append(*store_, "ada", {Paid(1)}));
  EXPECT_EQ(Sum(), "12");
  EXPECT_THAT(StatusOf("AccountBalance").processes, ElementsAre("new"));
  EXPECT_THAT(StatusOf("AccountBalance").other_processes, ElementsAre("old"));

  old.reset();
  old = StartProcess(MakeProjectionType<Balances>(), "old2");
  const std::int64_t last = *Append(*store_, "ada", {Paid(1)});
  AwaitShown(*newer, last);
  Await("the old table kept current",
        [&] { return StatusOf("AccountBalance").previous->position >= last; });
  EXPECT_EQ(StatusOf("AccountBalance").active.version, 2);
  EXPECT_FALSE((*old)->Activity()[0].is_live);

  ASSERT_THAT(admin_->Undo("AccountBalance", Soon()), IsOk());
  EXPECT_EQ(Sum(), "7");
  EXPECT_EQ(StatusOf("AccountBalance").active.version, 1);
  ASSERT_THAT(admin_->Undo("AccountBalance", Soon()), IsOk());
  EXPECT_EQ(Sum(), "14");
}

TEST_F(RebuildTest, UndoWithoutTheOldCodeSaysWhichCodeIsNeeded) {
  {
    auto old = StartProcess(MakeProjectionType<Balances>(), "old");
    AwaitShown(*old, *Append(*store_, "ada", {Opened("Ada"), Paid(5)}));
  }
  EXPECT_THAT(admin_->Undo("AccountBalance", Soon()),
              StatusIs(StatusCode::kFailedPrecondition,
                       HasSubstr("no previous table")));
  auto newer = StartProcess(MakeProjectionType<DoubledBalances>(), "new");
  AwaitActive("AccountBalance", 2);
  AwaitShown(*newer, *Append(*store_, "ada", {Paid(1)}));
  EXPECT_THAT(
      admin_->Undo("AccountBalance", absl::Now()),
      StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("with the code")));
  EXPECT_EQ(Sum(), "12");
}

TEST_F(RebuildTest, UsersViewsAndGrantsSurvive) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a");
  AwaitShown(*process, *Append(*store_, "ada", {Opened("Ada"), Paid(5)}));
  Execute("CREATE VIEW " + schema_ + ".rich AS SELECT account_id FROM " +
          View() + " WHERE balance_cents > 4");
  Execute("GRANT SELECT ON " + View() + " TO PUBLIC");
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  AwaitActive("AccountBalance", 2);
  AwaitShown(*process, *Append(*store_, "bob", {Opened("Bob"), Paid(9)}));
  EXPECT_EQ(Rows(schema_ + ".rich", "*"), "(ada)\n(bob)");
  EXPECT_EQ(Query("SELECT relacl::text LIKE '%=r/%' FROM pg_class WHERE oid = "
                  "to_regclass('" +
                  View() + "')"),
            "t");
}

TEST_F(RebuildTest, OtherColumnsAreSwitchedToUnlessAUsersViewWouldBreak) {
  ProjectionType slim = MakeProjectionType<Balances>();
  slim.prototype = &bank::TransferStatus::default_instance();
  slim.name = "AccountBalance";
  slim.set_key = [](google::protobuf::Message& row, std::string_view key) {
    static_cast<bank::TransferStatus&>(row).set_transfer_id(std::string(key));
  };
  for (ProjectionEvent& event : slim.events) {
    event.apply_row = [](google::protobuf::Message& row, const RecordedEvent&) {
      static_cast<bank::TransferStatus&>(row).set_status("seen");
      return absl::StatusOr<RowAction>(RowAction::kKeep);
    };
  }
  auto old = StartProcess(MakeProjectionType<Balances>(), "old");
  AwaitShown(*old, *Append(*store_, "ada", {Opened("Ada"), Paid(5)}));
  Execute("CREATE VIEW " + schema_ + ".rich AS SELECT account_id FROM " +
          View());
  Execute("GRANT SELECT ON " + View() + " TO PUBLIC");
  auto newer = StartProcess(slim, "new");
  Await("the refusal", [&] {
    return StatusOf("AccountBalance")
               .last_error.find("depend on it: " + schema_ + ".rich") !=
           std::string::npos;
  });
  EXPECT_EQ(StatusOf("AccountBalance").active.version, 1);
  Execute("DROP VIEW " + schema_ + ".rich");
  AwaitActive("AccountBalance", 2);
  EXPECT_EQ(Rows(View(), "transfer_id, status"), "(ada,seen)");
  EXPECT_EQ(Query("SELECT relacl::text LIKE '%=r/%' FROM pg_class WHERE oid = "
                  "to_regclass('" +
                  View() + "')"),
            "t");
}

TEST_F(RebuildTest, ALongReaderDelaysTheSwitchAndNobodyElse) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a");
  AwaitShown(*process, *Append(*store_, "ada", {Opened("Ada"), Paid(5)}));
  pqxx::connection long_connection{PostgresDsn()};
  auto long_reader = std::make_unique<pqxx::work>(long_connection);
  long_reader->exec("SELECT * FROM " + View());
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  Await("the switch being tried", [&] {
    const auto progress = StatusOf("AccountBalance").progress;
    return progress.has_value() && progress->phase == "switching";
  });
  Execute("SET statement_timeout = '5s'");  // A reader behind the lock queue.
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Sum(), "5");
  EXPECT_EQ(StatusOf("AccountBalance").active.version, 1);
  long_reader.reset();
  AwaitActive("AccountBalance", 2);
  EXPECT_EQ(Sum(), "5");
}

TEST_F(RebuildTest, AbortLeavesTheLiveTableAndDropsTheOther) {
  is_broken = false;
  auto process = StartProcess(MakeProjectionType<MoodyBalances>(), "a");
  EXPECT_THAT(admin_->Abort("AccountBalance"),
              StatusIs(StatusCode::kFailedPrecondition));
  AwaitShown(*process, *Append(*store_, "ada", {Paid(5), Took(1)}));
  is_broken = true;
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  EXPECT_THAT(admin_->RequestRebuild("AccountBalance"),
              StatusIs(StatusCode::kFailedPrecondition,
                       HasSubstr("under way already")));
  Await("the build waiting for its parked key", [&] {
    const auto progress = StatusOf("AccountBalance").progress;
    return progress.has_value() &&
           progress->phase.find("1 keys are parked") != std::string::npos;
  });
  const std::string table = StatusOf("AccountBalance").building->table;
  ASSERT_THAT(admin_->Abort("AccountBalance"), IsOk());
  Await("the table dropped", [&] {
    return Query("SELECT to_regclass('" + views() + ".\"" + table + "\"')")
        .empty();
  });
  const ProjectionStatus status = StatusOf("AccountBalance");
  EXPECT_EQ(status.active.version, 1);
  EXPECT_FALSE(status.building.has_value());
  EXPECT_EQ(Sum(), "4");
  is_broken = false;
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  AwaitActive("AccountBalance", 3);
  EXPECT_EQ(Sum(), "4");
  Await("no consumer left of what was aborted", [&] {
    const auto consumers = *store_->consumers().List();
    return consumers.size() == 2;
  });
}

TEST_F(RebuildTest, AnotherProcessFinishesABuildThatWasLeft) {
  is_broken = false;
  auto first = StartProcess(MakeProjectionType<MoodyBalances>(), "first");
  AwaitShown(*first, *Append(*store_, "ada", {Paid(5), Took(1)}));
  is_broken = true;
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  Await("the build", [&] {
    const auto status = StatusOf("AccountBalance");
    return status.building.has_value() && status.building->parked_keys == 1;
  });
  first.reset();
  is_broken = false;
  auto second = StartProcess(MakeProjectionType<MoodyBalances>(), "second");
  AwaitActive("AccountBalance", 2);
  EXPECT_EQ(Sum(), "4");
  EXPECT_EQ(StatusOf("AccountBalance").active.parked_keys, 0);
}

TEST_F(RebuildTest, ARebuildNeedsALiveProcessWithTheCode) {
  EXPECT_THAT(admin_->RequestRebuild("AccountBalance"),
              StatusIs(StatusCode::kNotFound));
  { auto process = StartProcess(MakeProjectionType<Balances>(), "a"); }
  EXPECT_THAT(admin_->RequestRebuild("AccountBalance"),
              StatusIs(StatusCode::kFailedPrecondition,
                       HasSubstr("no live process has the code")));
  auto process = StartProcess(MakeProjectionType<Balances>(), "a");
  EXPECT_THAT(admin_->RequestRebuild("AccountBalance", "cafecafe"),
              StatusIs(StatusCode::kFailedPrecondition,
                       HasSubstr("no live process has the code cafecafe")));
}

TEST_F(RebuildTest, PreparedIndexesComeWithEachTable) {
  auto process = StartProcess(MakeProjectionType<IndexedBalances>(), "a");
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  AwaitActive("AccountBalance", 2);
  EXPECT_EQ(Query("SELECT count(*) FROM pg_indexes WHERE schemaname = '" +
                  views() + "' AND indexdef LIKE '%(owner)%'"),
            "2");
}

TEST_F(RebuildTest, TheThirdTableDropsTheFirst) {
  auto process = StartProcess(MakeProjectionType<Balances>(), "a");
  AwaitShown(*process, *Append(*store_, "ada", {Opened("Ada"), Paid(5)}));
  for (const int version : {2, 3}) {
    ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
    AwaitActive("AccountBalance", version);
  }
  Await("two tables", [&] {
    return Query("SELECT count(*) FROM pg_tables WHERE schemaname = '" +
                 views() + "'") == "2";
  });
  const auto list = admin_->List();
  ASSERT_THAT(list, IsOk());
  EXPECT_EQ(list->size(), 1u);
}

}  // namespace
}  // namespace stele::testing
