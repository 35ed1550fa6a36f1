// Rows and checkpoints commit together, whatever is killed when.
#include <atomic>
#include <random>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "pg_fixture.h"
#include "tests/model/bank_sql_rules.h"

namespace stele::testing {
namespace {

using ::bank::AccountBalance;
using ::bank::Balances;

// Freezes the first thread that handles an event of 4242 cents.
struct Freezer {
  absl::Notification frozen;
  absl::Notification thaw;
  std::atomic<bool> is_taken = false;
};
Freezer* freezer = nullptr;

struct FreezingBalances : Balances {
  using Balances::Apply;
  static void Apply(AccountBalance& row, const Recorded<bank::Deposited>& e) {
    if (e->amount_cents() == 4242 && !freezer->is_taken.exchange(true)) {
      freezer->frozen.Notify();
      freezer->thaw.WaitForNotification();
    }
    Balances::Apply(row, e);
  }
};

class CrashTest : public PgTest {
 protected:
  std::string Rowset() {
    return Query(
        "SELECT string_agg(r::text, E'\\n' ORDER BY r::text) FROM "
        "(SELECT * FROM " +
        views() + ".account_balance) r");
  }
};

TEST_F(CrashTest, WhoeverLostItsLeaseCannotWrite) {
  Freezer own;
  freezer = &own;
  auto other_store = OpenStore();
  const auto short_lease = [](ProjectionsOptions& options) {
    options.lease = absl::Seconds(1);
    options.handle_time_max = absl::Milliseconds(100);
  };
  auto first = StartProcess(MakeProjectionType<FreezingBalances>(), "first",
                            false, short_lease);
  const std::int64_t frozen =
      *Append(*store_, "ada", {Opened("Ada"), Paid(4242)});
  own.frozen.WaitForNotification();
  ProjectionsOptions options = FastOptions("second");
  short_lease(options);
  Process second(*other_store, {{MakeProjectionType<FreezingBalances>()}},
                 options);
  ASSERT_THAT(second.status(), IsOk());
  second.Run();
  // The slot's row is locked by the frozen transaction until the server ends
  // it; that is what a frozen process comes to.
  Execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state "
      "= 'idle in transaction' AND query LIKE '%" +
      schema_ + "%'");
  ASSERT_THAT(second->WaitFor("AccountBalance", frozen, Soon()), IsOk());
  EXPECT_EQ(Rowset(), "(ada,Ada,4242)");
  own.thaw.Notify();
  const std::int64_t last = *Append(*store_, "ada", {Paid(1)});
  ASSERT_THAT(second->WaitFor("AccountBalance", last, Soon()), IsOk());
  EXPECT_EQ(Rowset(), "(ada,Ada,4243)");
  first->Stop();
  EXPECT_EQ(Rowset(), "(ada,Ada,4243)");
}

TEST_F(CrashTest, TwoProcessesShareTheSlots) {
  auto other_store = OpenStore();
  auto first = StartProcess(MakeProjectionType<Balances>(), "first");
  Process second(*other_store, {{MakeProjectionType<Balances>()}},
                 FastOptions("second"));
  second.Run();
  const auto slots_of = [](Process& process) {
    const auto activity = process->Activity();
    return activity[0].feeds.empty() ? 0 : activity[0].feeds[0].slots_held;
  };
  Await("two slots each",
        [&] { return slots_of(*first) == 2 && slots_of(second) == 2; });
  std::int64_t last = 0;
  for (int i = 0; i < 40; ++i) {
    last = *Append(*store_, absl::StrCat("acc", i), {Opened("x"), Paid(i)});
  }
  ASSERT_THAT((*first)->WaitFor("AccountBalance", last, Soon()), IsOk());
  EXPECT_EQ(
      Query("SELECT sum(balance_cents) FROM " + views() + ".account_balance"),
      "780");
  EXPECT_GT(second->Activity()[0].feeds[0].events_handled, 0);
}

TEST_F(CrashTest, KilledConnectionsLoseAndDoubleNothing) {
  const unsigned seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  auto other_store = OpenStore();
  ProjectionsOptions options = FastOptions("first");
  std::vector<ProjectionSetup> setups;
  setups.push_back({MakeProjectionType<Balances>()});
  setups.push_back({MakeProjectionType<bank::Turnover>()});
  options.batch_events_max = 7;
  Process first(*store_, setups, options);
  options.process = "second";
  Process second(*other_store, setups, options);
  ASSERT_THAT(first.status(), IsOk());
  ASSERT_THAT(second.status(), IsOk());
  first.Run();
  second.Run();
  // Its own store, so that what is killed is the projections' alone.
  auto writer = OpenStore();
  std::int64_t last = 0;
  std::int64_t paid = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string account = absl::StrCat("acc", random() % 20);
    absl::StatusOr<std::int64_t> position;
    const std::vector<NewEvent> events = {Paid(i)};
    do {
      position = Append(*writer, account, events);  // The same ids.
    } while (!position.ok());
    paid += i;
    last = *position;
    if (i % 10 == 0) {
      Execute(absl::StrCat(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid "
          "<> pg_backend_pid() AND query LIKE '%",
          schema_, "%' AND random() < 0.3"));
    }
  }
  ASSERT_THAT(WaitForProjection(*writer, "AccountBalance", last, Soon()),
              IsOk());
  ASSERT_THAT(WaitForProjection(*writer, "DailyTurnover", last, Soon()),
              IsOk());
  EXPECT_EQ(
      Query("SELECT sum(balance_cents) FROM " + views() + ".account_balance"),
      absl::StrCat(paid));
  EXPECT_EQ(Query("SELECT sum(amount_cents) || ' ' || sum(count) FROM " +
                  views() + ".daily_turnover"),
            absl::StrCat(paid, " 300"));
  EXPECT_EQ(StatusOf("AccountBalance").active.parked_keys, 0);
}

TEST_F(CrashTest, KilledConnectionsDoNotSpoilARebuild) {
  auto process = StartProcess(
      MakeProjectionType<Balances>(), "a", false,
      [](ProjectionsOptions& options) { options.build_batch_events_max = 5; });
  auto writer = OpenStore();
  std::int64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    last = *Append(*writer, absl::StrCat("acc", i % 9), {Paid(1), Paid(2)});
  }
  for (int version = 2; version <= 4; ++version) {
    ASSERT_THAT(WaitForProjection(*writer, "AccountBalance", last, Soon()),
                IsOk());
    absl::Status requested;
    do {
      requested = admin_->RequestRebuild("AccountBalance");
    } while (absl::IsUnavailable(requested) || absl::IsUnknown(requested));
    for (int kill = 0; kill < 20; ++kill) {
      Execute(absl::StrCat(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid "
          "<> pg_backend_pid() AND query LIKE '%",
          schema_, "%' AND random() < 0.3"));
    }
    Await("the switch", [&] {
      return Query("SELECT active FROM " + schema_ + ".projections") ==
             absl::StrCat(version);
    });
    EXPECT_EQ(
        Query("SELECT sum(balance_cents) FROM " + views() + ".account_balance"),
        "300");
  }
}

}  // namespace
}  // namespace stele::testing
