// Commands while PostgreSQL is killed: each counts once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/aggregates/load.h"
#include "stele/base/backoff.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/sandbox/private_postgres.h"
#include "stele/testing/sequential_ids.h"
#include "stele/testing/status_matchers.h"
#include "till/till_decider.h"

namespace stele {
namespace {

using ::stele::testing::IsOk;

constexpr int kThreads = 8;
constexpr int kTills = 3;
constexpr int kCommandsEach = 60;
constexpr int kKills = 3;

std::string TillOf(int thread) { return absl::StrCat("t", thread % kTills); }

// Sends one command, with the same id, until it is answered.
Receipt DispatchUntilAnswered(Dispatcher& dispatcher,
                              const till::PayIn& message, Uuid command_id) {
  Backoff backoff({absl::Milliseconds(1), absl::Milliseconds(50)});
  for (;;) {
    const auto receipt =
        dispatcher.Dispatch(message, {.command_id = command_id});
    if (receipt.ok()) return *receipt;
    EXPECT_THAT(receipt.status().code(),
                ::testing::AnyOf(absl::StatusCode::kUnavailable,
                                 absl::StatusCode::kUnknown,
                                 absl::StatusCode::kDeadlineExceeded,
                                 absl::StatusCode::kAborted))
        << receipt.status();
    absl::SleepFor(backoff.Next());  // The server needs the processor, too.
  }
}

TEST(KillTest, CommandsCountOnceWhileTheDatabaseIsKilled) {
  auto server = sandbox::PrivatePostgres::Start({.durable = false});
  ASSERT_THAT(server, IsOk());
  ASSERT_THAT(MigrateEventStore((*server)->dsn(), "stele"), IsOk());
  PostgresEventStoreOptions options;
  options.dsn = (*server)->dsn();
  auto store = OpenPostgresEventStore(options);
  ASSERT_THAT(store, IsOk());
  // Two dispatchers, as of two processes, so that there are conflicts as well.
  std::vector<std::unique_ptr<AggregateDispatcher>> dispatchers;
  for (int i = 0; i < 2; ++i) {
    dispatchers.push_back(MakeDispatcher(**store));
    ASSERT_THAT(dispatchers[i]->Add(MakeAggregateType<till::TillDecider>()),
                IsOk());
  }
  for (int i = 0; i < kTills; ++i) {
    ASSERT_THAT(dispatchers[0]->Dispatch(till::MakeOpenTill(TillOf(i))),
                IsOk());
  }

  std::atomic<int> answered = 0;
  std::vector<std::vector<Receipt>> receipts(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kCommandsEach; ++n) {
        receipts[i].push_back(DispatchUntilAnswered(
            *dispatchers[i % 2], till::MakePayIn(TillOf(i), 1),
            testing::SequentialId(1 + i * kCommandsEach + n)));
        ++answered;
      }
    });
  }
  for (int kill = 1; kill <= kKills; ++kill) {
    const int enough = kill * kThreads * kCommandsEach / (kKills + 1);
    while (answered < enough) std::this_thread::yield();
    EXPECT_THAT((*server)->Kill9(), IsOk());
    EXPECT_THAT((*server)->Restart(), IsOk());
  }
  for (std::thread& thread : threads) thread.join();

  std::set<std::pair<std::string, std::int64_t>> written;
  std::vector<int> expected(kTills, 0);
  for (int i = 0; i < kThreads; ++i) {
    expected[i % kTills] += kCommandsEach;
    for (const Receipt& receipt : receipts[i]) {
      written.emplace(receipt.stream_id, receipt.version);
    }
  }
  EXPECT_EQ(written.size(), kThreads * kCommandsEach);
  for (int i = 0; i < kTills; ++i) {
    const auto loaded = LoadAggregate<till::TillDecider>(**store, TillOf(i));
    ASSERT_THAT(loaded, IsOk());
    EXPECT_EQ(loaded->state.cents(), expected[i]);
    EXPECT_EQ(loaded->version, 1 + expected[i]);
  }
}

}  // namespace
}  // namespace stele
