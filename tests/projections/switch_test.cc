// Switches under load: what they may hold back, for how long, and what stops
// them.
#include <atomic>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "pg_fixture.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/postgres_event_store.h"

namespace stele::testing {
namespace {

using ::bank::AccountBalance;
using ::bank::Balances;
using ::testing::HasSubstr;

void Wait(absl::Duration duration) {
  absl::Notification never;
  never.WaitForNotificationWithTimeout(duration);
}

// Takes its time for each batch, so that it is always a little behind.
struct SlowBalances : Balances {
  using Balances::Apply;
  static void Apply(AccountBalance& row, const Recorded<bank::Deposited>& e) {
    thread_local absl::Time last;
    if (absl::Now() - last > absl::Milliseconds(3))
      Wait(absl::Milliseconds(15));
    last = absl::Now();
    Balances::Apply(row, e);
  }
};

// Fails for one account.
absl::Mutex refused_mutex;
std::string refused_account ABSL_GUARDED_BY(refused_mutex);
void Refuse(const std::string& account) {
  const absl::MutexLock lock(&refused_mutex);
  refused_account = account;
}
struct PickyBalances : Balances {
  using Balances::Apply;
  static void Apply(AccountBalance& row, const Recorded<bank::Withdrawn>& e) {
    {
      const absl::MutexLock lock(&refused_mutex);
      if (row.account_id() == refused_account) {
        throw std::runtime_error("not this one");
      }
    }
    Balances::Apply(row, e);
  }
};

// Appends on threads, each to its own account, with hardly a pause.
class Appenders {
 public:
  Appenders(EventStore& store, int count) {
    for (int t = 0; t < count; ++t) {
      threads_.emplace_back([this, &store, t](std::stop_token stop) {
        while (!stop.stop_requested()) {
          const absl::Time start = absl::Now();
          EXPECT_THAT(Append(store, absl::StrCat("acc", t), {Paid(1)}), IsOk());
          ++appended_;
          {
            const absl::MutexLock lock(&mutex_);
            longest_ = std::max(longest_, absl::Now() - start);
          }
          Wait(absl::Milliseconds(2));
        }
      });
    }
  }

  // Ends them, and returns how many events they have appended.
  int Finish() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
    return appended_;
  }
  int appended() const { return appended_; }
  absl::Duration longest() const {
    const absl::MutexLock lock(&mutex_);
    return longest_;
  }

 private:
  std::atomic<int> appended_ = 0;
  mutable absl::Mutex mutex_;
  absl::Duration longest_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

class SwitchTest : public PgTest {
 protected:
  std::string Sum() {
    return Query("SELECT sum(balance_cents) FROM " + views() +
                 ".account_balance");
  }
};

TEST_F(SwitchTest, NeedsNoSecondConnectionWhileItHoldsAppendsBack) {
  PostgresEventStoreOptions options;
  options.dsn = PostgresDsn();
  options.schema = schema_;
  options.sql_connections = 2;
  auto small = OpenPostgresEventStore(options);
  ASSERT_THAT(small, IsOk());
  Process process(**small, {{MakeProjectionType<Balances>(), true}},
                  FastOptions("a"));
  ASSERT_THAT(process.status(), IsOk());
  process.Run();
  Await("inline", [&] { return ActiveConsumer("AccountBalance").empty(); });
  Appenders appenders(process->store(), 6);
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  AwaitActive("AccountBalance", 2);
  const int at_switch = appenders.appended();
  Await("appends after it",
        [&] { return appenders.appended() > at_switch + 20; });
  EXPECT_LT(appenders.longest(), absl::Seconds(5));
  const int appended = appenders.Finish();
  EXPECT_EQ(Sum(), absl::StrCat(appended));
}

TEST_F(SwitchTest, GoesInlineAlthoughItsFeedIsAlwaysALittleBehind) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(Append(*store_, "before", {Paid(0)}), IsOk());
  }
  auto process = StartProcess(MakeProjectionType<SlowBalances>(), "a", true);
  Appenders appenders((*process)->store(), 3);
  Await("inline", [&] { return ActiveConsumer("AccountBalance").empty(); });
  const int at_switch = appenders.appended();
  Await("appends after it",
        [&] { return appenders.appended() > at_switch + 20; });
  EXPECT_LT(appenders.longest(), absl::Seconds(5));
  const int appended = appenders.Finish();
  EXPECT_EQ(Sum(), absl::StrCat(appended));
}

TEST_F(SwitchTest, AKeyParkedOnlyThereStopsItThoughTheCountsAreEqual) {
  Refuse("ada");
  auto process =
      StartProcess(MakeProjectionType<PickyBalances>(), "a", false,
                   [](ProjectionsOptions& options) {
                     options.park_backoff = {absl::Hours(10), absl::Hours(10)};
                   });
  ASSERT_THAT(Append(*store_, "ada", {Paid(9), Took(1)}), IsOk());
  ASSERT_THAT(Append(*store_, "bob", {Paid(9), Took(1)}), IsOk());
  Await("one parked", [&] {
    return StatusOf("AccountBalance").active.parked_keys == 1 && Sum() == "17";
  });
  Refuse("bob");
  ASSERT_THAT(admin_->RequestRebuild("AccountBalance"), IsOk());
  Await("the other parked in the new table", [&] {
    const ProjectionStatus status = StatusOf("AccountBalance");
    return status.active.version == 2 ||
           (status.building && status.building->parked_keys == 1 &&
            status.progress->phase.find("keys are parked in") !=
                std::string::npos);
  });
  const ProjectionStatus status = StatusOf("AccountBalance");
  ASSERT_EQ(status.active.version, 1) << "bob went back in time";
  Refuse("");
  ASSERT_THAT(store_->consumers().RequestParked(status.building->consumer,
                                                "bob", ParkedState::kRetryNow),
              IsOk());
  AwaitActive("AccountBalance", 2);
  EXPECT_EQ(Sum(), "16");
}

}  // namespace
}  // namespace stele::testing
