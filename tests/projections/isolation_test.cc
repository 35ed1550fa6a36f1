// One projection that cannot go on keeps no other one from it.
#include <atomic>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "pg_fixture.h"
#include "stele/base/log.h"
#include "tests/model/bank_sql_rules.h"

namespace stele::testing {
namespace {

using ::bank::Balances;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Counts log lines that report a failing projection.
std::atomic<int> reports = 0;
class ReportCounter {
 public:
  ReportCounter() {
    reports = 0;
    SetLogSink([](const LogEntry& entry) {
      if (entry.level == LogLevel::kError) ++reports;
    });
  }
  ~ReportCounter() { SetLogSink(nullptr); }
};

class IsolationTest : public PgTest {
 protected:
  std::vector<ProjectionSetup> Both() {
    return {{MakeProjectionType<Balances>()},
            {MakeProjectionType<bank::Turnover>()}};
  }
  std::string Sum() {
    return Query("SELECT sum(balance_cents) FROM " + views() +
                 ".account_balance");
  }
  void ExpectTurnoverGoesOn(Process& process) {
    const auto last = Append(*store_, "ada", {Paid(1)});
    ASSERT_THAT(last, IsOk());
    EXPECT_THAT(process->WaitFor("DailyTurnover", *last, Soon()), IsOk());
  }
};

TEST_F(IsolationTest, AFeedThatCannotStartIsTriedWithBackOffAndReported) {
  {
    Process process(*store_, Both(), FastOptions("a"));
    process.Run();
    const auto last = Append(*store_, "ada", {Paid(1)});
    ASSERT_THAT(process->WaitFor("AccountBalance", *last, Soon()), IsOk());
  }
  // What the consumer is registered with no longer fits.
  const std::string consumer = ActiveConsumer("AccountBalance");
  Execute("UPDATE " + schema_ + ".consumers SET slots = 7 WHERE name = '" +
          consumer + "'");
  const ReportCounter counter;
  Process process(*store_, Both(), FastOptions("a"));
  process.Run();
  Await("the report", [] { return reports > 0; });
  ExpectTurnoverGoesOn(process);
  absl::Notification never;
  never.WaitForNotificationWithTimeout(absl::Seconds(2));
  EXPECT_LT(reports, 12) << "tried without back-off";
  EXPECT_THAT(process->Activity()[0].note, HasSubstr("slots"));
  EXPECT_THAT(StatusOf("AccountBalance").problems,
              ElementsAre(AllOf(StartsWith("a: "), HasSubstr("slots"))));
  EXPECT_THAT(StatusOf("DailyTurnover").problems, IsEmpty());
  Execute("UPDATE " + schema_ + ".consumers SET slots = 4 WHERE name = '" +
          consumer + "'");
  Await("recovery", [&] { return Sum() == "2"; });
  Await("no complaint", [&] {
    return process->Activity()[0].note.empty() &&
           StatusOf("AccountBalance").problems.empty();
  });
}

TEST_F(IsolationTest, AProjectionThatIsNoLongerRegisteredStopsAlone) {
  const ReportCounter counter;
  Process process(*store_, Both(), FastOptions("a"));
  process.Run();
  ExpectTurnoverGoesOn(process);
  Execute("DELETE FROM " + schema_ +
          ".projections WHERE name = 'AccountBalance'");
  Await("the report", [&] {
    return absl::StrContains(process->Activity()[0].note, "registered");
  });
  ExpectTurnoverGoesOn(process);
  process.Stop();
  EXPECT_THAT(process.result(), IsOk());
}

// A batch of its takes until a test lets it end.
struct HeldBalances : Balances {
  using Balances::Apply;
  static void Apply(bank::AccountBalance& row,
                    const Recorded<bank::Deposited>& e) {
    if (!at_work->HasBeenNotified()) at_work->Notify();
    let_go->WaitForNotification();
    Balances::Apply(row, e);
  }
  static inline absl::Notification* at_work = nullptr;
  static inline absl::Notification* let_go = nullptr;
};

TEST_F(IsolationTest, AllStopBeforeAnyIsWaitedFor) {
  absl::Notification at_work;
  absl::Notification let_go;
  HeldBalances::at_work = &at_work;
  HeldBalances::let_go = &let_go;
  Process process(*store_,
                  {{MakeProjectionType<HeldBalances>()},
                   {MakeProjectionType<bank::Turnover>()}},
                  FastOptions("a"));
  process.Run();
  ExpectTurnoverGoesOn(process);
  at_work.WaitForNotification();
  std::jthread stopping([&] { process.Stop(); });
  const absl::Cleanup release = [&] { let_go.Notify(); };
  Await("the end of the other", [&] {
    for (const ConsumerActivity& feed : process->Activity()[1].feeds) {
      if (feed.is_running) return false;
    }
    return true;
  });
  EXPECT_EQ(Sum(), "") << "the first was not at work any more";
}

TEST_F(IsolationTest, WithoutItsSchemaItEnds) {
  Process process(*store_, Both(), FastOptions("a"));
  process.Run();
  ExpectTurnoverGoesOn(process);
  Execute("ALTER TABLE " + schema_ +
          ".projection_processes RENAME TO not_there");
  process.Join();
  EXPECT_THAT(process.result(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace stele::testing
