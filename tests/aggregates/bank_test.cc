// The library and generated code fit together.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/aggregates/load.h"
#include "stele/eventstore/in_memory.h"
#include "stele/testing/given.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"

namespace bank {
namespace {

using stele::testing::Given;
using stele::testing::IsOk;
using stele::testing::StatusIs;
using ::testing::HasSubstr;

TEST(AccountDeciderTest, RefusesToOverdraw) {
  Given<AccountDecider>(MakeAccountOpened({.owner = "Ada"}),
                        MakeDeposited({.amount_cents = 50'00}))
      .When(MakeWithdraw({.account_id = "ada", .amount_cents = 80'00}))
      .ThenRejected("insufficient_funds");
}

TEST(AccountDeciderTest, WithdrawsWhatIsThere) {
  Given<AccountDecider>(MakeAccountOpened({.owner = "Ada"}),
                        MakeDeposited({.amount_cents = 50'00}))
      .When(MakeWithdraw({.account_id = "ada", .amount_cents = 50'00}))
      .Then(MakeWithdrawn({.amount_cents = 50'00}));
}

TEST(AccountDispatchTest, CommandsOfGeneratedClassesAreTaken) {
  const auto store = stele::MakeInMemoryEventStore();
  const auto dispatcher = stele::MakeDispatcher(*store);
  ASSERT_THAT(dispatcher->Add(stele::MakeAggregateType<AccountDecider>()),
              IsOk());
  ASSERT_THAT(dispatcher->Dispatch(
                  MakeOpenAccount({.account_id = "ada", .owner = "Ada"})),
              IsOk());
  const auto receipt = dispatcher->Dispatch(
      MakeDeposit({.account_id = "ada", .amount_cents = 7}));
  ASSERT_THAT(receipt, IsOk());
  EXPECT_EQ(receipt->stream_id, "account-ada");
  EXPECT_EQ(receipt->version, 2);
  const auto ada = stele::LoadAggregate<AccountDecider>(*store, "ada");
  ASSERT_THAT(ada, IsOk());
  EXPECT_EQ(ada->state.balance_cents(), 7);
  EXPECT_THAT(dispatcher->Dispatch(MakeDeposit({.amount_cents = 7})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("field account_id of bank.Deposit")));
}

}  // namespace
}  // namespace bank
