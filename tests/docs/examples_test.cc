// What the documentation shows, as tests.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/backoff.h"
#include "stele/base/status.h"
#include "stele/eventstore/in_memory.h"
#include "stele/eventstore/subscription.h"
#include "stele/outbox/in_memory_broker.h"
#include "stele/outbox/relay.h"
#include "stele/runtime/runtime.h"
#include "stele/testing/fake_clock.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"

namespace bank {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

stele::NewEvent EventOf(const AccountOpened& opened) {
  // [event]
  stele::NewEvent event;
  event.id = stele::RandomIds().Next();
  event.type = "bank.AccountOpened";
  event.payload = opened.SerializeAsString();
  // [/event]
  return event;
}

TEST(DocsTest, AppendsAndReads) {
  const auto store = stele::MakeInMemoryEventStore();
  const stele::NewEvent event = EventOf(MakeAccountOpened({.owner = "Ada"}));
  std::vector<std::string> seen;
  const auto look = [&](const stele::RecordedEvent& e) {
    seen.push_back(e.type);
    return absl::OkStatus();
  };
  // [append]
  const absl::StatusOr<stele::AppendResult> appended =
      store->Append({.stream_id = "account-ada",
                     .expected_version = stele::ExpectedVersion::NoStream(),
                     .events = {event}});
  const absl::Status read =
      store->ReadStream({.stream_id = "account-ada"}, look);
  // [/append]
  ASSERT_TRUE(appended.ok()) << appended.status();
  ASSERT_TRUE(read.ok()) << read;
  EXPECT_EQ(appended->version, 1);
  EXPECT_THAT(seen, ElementsAre("bank.AccountOpened"));

  // The same again is no second event.
  const auto again =
      store->Append({.stream_id = "account-ada",
                     .expected_version = stele::ExpectedVersion::NoStream(),
                     .events = {event}});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->was_duplicate);
}

// [retry]
// Sends a command until its outcome is known, or `deadline` has passed. The id
// makes it count once.
absl::StatusOr<stele::Receipt> DepositSurely(AccountClient& accounts,
                                             const stele::Uuid& request_id,
                                             std::int64_t amount_cents,
                                             absl::Time deadline) {
  stele::Backoff backoff;
  for (;;) {
    const auto receipt =
        accounts.Deposit({.account_id = "ada", .amount_cents = amount_cents},
                         {.command_id = request_id});
    if (!stele::IsInDoubt(receipt.status())) return receipt;
    if (absl::Now() >= deadline) return receipt;  // Still in doubt.
    absl::SleepFor(backoff.Next());
  }
}
// [/retry]

TEST(DocsTest, ARepeatedCommandCountsOnce) {
  const auto store = stele::MakeInMemoryEventStore();
  const auto dispatcher = stele::MakeDispatcher(*store);
  ASSERT_TRUE(dispatcher->Add(stele::MakeAggregateType<AccountDecider>()).ok());
  AccountClient accounts(*dispatcher);
  ASSERT_TRUE(accounts.OpenAccount({.account_id = "ada"}).ok());
  const stele::Uuid id = stele::RandomIds().Next();
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  const auto first = DepositSurely(accounts, id, 5, deadline);
  const auto second = DepositSurely(accounts, id, 5, deadline);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(second->was_duplicate);
  EXPECT_EQ(first->version, second->version);
}

// [inline]
void AddParts(stele::Runtime& runtime) {
  runtime.Add<AccountDecider>();
  runtime.Add<TransferStatuses>();                       // Behind the log.
  runtime.Add<Balances>(stele::ProjectionRun::kInline);  // With each append.
}
// [/inline]

TEST(DocsTest, AnInlineProjectionIsThereWithTheAppend) {
  stele::Runtime runtime(stele::MakeInMemoryEventStore());
  AddParts(runtime);
  ASSERT_TRUE(runtime.Start().ok());
  AccountClient accounts(runtime);
  ASSERT_TRUE(accounts.OpenAccount({.account_id = "ada", .owner = "Ada"}).ok());
  const auto row = runtime.Find<AccountBalance>("ada");
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(row->owner(), "Ada");
}

// [wait]
absl::StatusOr<AccountBalance> DepositAndLook(stele::Runtime& runtime) {
  AccountClient accounts(runtime);
  STELE_ASSIGN_OR_RETURN(
      const stele::Receipt receipt,
      accounts.Deposit({.account_id = "ada", .amount_cents = 10'00}));
  STELE_RETURN_IF_ERROR(
      runtime.WaitFor<AccountBalance>(receipt, absl::Seconds(5)));
  return runtime.Find<AccountBalance>("ada");
}
// [/wait]

TEST(DocsTest, ReadsItsWrites) {
  stele::Runtime runtime(stele::MakeInMemoryEventStore());
  runtime.Add<AccountDecider>().Add<Balances>();
  ASSERT_TRUE(runtime.Start().ok());
  AccountClient accounts(runtime);
  ASSERT_TRUE(accounts.OpenAccount({.account_id = "ada"}).ok());
  const auto row = DepositAndLook(runtime);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(row->balance_cents(), 10'00);
}

// [clock]
TEST(DocsTest, EventsCarryTheTimeOfTheStore) {
  stele::testing::FakeClock clock;
  const auto store = stele::MakeInMemoryEventStore(clock);
  clock.Advance(absl::Hours(24));
  // [/clock]
  ASSERT_TRUE(store
                  ->Append({.stream_id = "account-ada",
                            .events = {EventOf(MakeAccountOpened({}))}})
                  .ok());
  const auto look = [&](const stele::RecordedEvent& e) {
    EXPECT_EQ(e.recorded_at, clock.Now());
    return absl::OkStatus();
  };
  ASSERT_TRUE(store->ReadStream({.stream_id = "account-ada"}, look).ok());
}

// [relay-again]
// Sends everything from `position` on once more, for a broker that lost it.
absl::Status RelayAgain(stele::EventStore& store, stele::Broker& broker,
                        std::int64_t position) {
  stele::RelayRoutes routes("bank");
  routes.AddPublicEvents<Account>();
  return stele::RelayRange(store, broker, routes,
                           {.source = "/bank", .from_position = position})
      .status();
}
// [/relay-again]

TEST(DocsTest, ARangeIsRelayedAgain) {
  const auto store = stele::MakeInMemoryEventStore();
  const auto broker = stele::MakeInMemoryBroker();
  ASSERT_TRUE(store
                  ->Append({.stream_id = "account-ada",
                            .events = {EventOf(MakeAccountOpened({}))}})
                  .ok());
  ASSERT_TRUE(RelayAgain(*store, *broker, 1).ok());
  EXPECT_THAT(broker->MessagesOf("bank.account"), SizeIs(1));
}

TEST(DocsTest, ASubscriptionFollowsTheLog) {
  const auto store = stele::MakeInMemoryEventStore();
  absl::Mutex mutex;
  std::vector<std::string> seen;
  // [subscribe]
  const auto subscription =
      stele::Subscribe(*store, {.categories = {"account"}},
                       [&](const stele::RecordedEvent& event) {
                         absl::MutexLock lock(&mutex);
                         seen.push_back(event.stream_id);
                         return absl::OkStatus();
                       });
  // [/subscribe]
  ASSERT_TRUE(store
                  ->Append({.stream_id = "account-ada",
                            .events = {EventOf(MakeAccountOpened({}))}})
                  .ok());
  {
    absl::MutexLock lock(&mutex);
    const auto has_come = [&] { return !seen.empty(); };
    mutex.Await(absl::Condition(&has_come));
    EXPECT_THAT(seen, ElementsAre("account-ada"));
  }
  EXPECT_TRUE(subscription->Stop().ok());
}

}  // namespace
}  // namespace bank
