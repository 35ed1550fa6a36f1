// The rules, tested without a database.
#include <gtest/gtest.h>

#include "account.h"
#include "stele/testing/given.h"
#include "stele/testing/saga_given.h"
#include "transfers.h"

namespace bank {
namespace {

using stele::testing::Given;
using stele::testing::GivenSaga;

// [given]
TEST(AccountTest, PaysOutWhatIsThere) {
  Given<AccountDecider>(MakeAccountOpened({.owner = "Ada"}),
                        MakeDeposited({.amount_cents = 50'00}))
      .When(MakeWithdraw({.account_id = "ada", .amount_cents = 20'00}))
      .Then(MakeWithdrawn({.amount_cents = 20'00}));
}

TEST(AccountTest, RefusesToOverdraw) {
  Given<AccountDecider>(MakeAccountOpened({.owner = "Ada"}),
                        MakeDeposited({.amount_cents = 50'00}))
      .When(MakeWithdraw({.account_id = "ada", .amount_cents = 80'00}))
      .ThenRejected("insufficient_funds");
}
// [/given]

TEST(AccountTest, IsOpenedOnce) {
  Given<AccountDecider>(MakeAccountOpened({.owner = "Ada"}))
      .When(MakeOpenAccount({.account_id = "ada", .owner = "Eve"}))
      .ThenRejected("already_exists");
}

TEST(AccountTest, TransfersGoToSomebodyElse) {
  Given<AccountDecider>(MakeAccountOpened({.owner = "Ada"}))
      .When(MakeRequestTransfer({.account_id = "ada",
                                 .transfer_id = "t-1",
                                 .to_account_id = "ada",
                                 .amount_cents = 1}))
      .ThenRejected("same_account");
}

Withdraw Take() {
  return MakeWithdraw(
      {.account_id = "ada", .amount_cents = 500, .transfer_id = "t-1"});
}
Deposit Give(const std::string& account_id) {
  return MakeDeposit(
      {.account_id = account_id, .amount_cents = 500, .transfer_id = "t-1"});
}
GivenSaga<Transfers> Requested() {
  GivenSaga<Transfers> transfer("t-1");
  transfer.OnFrom("account-ada", MakeTransferRequested({.transfer_id = "t-1",
                                                        .to_account_id = "bob",
                                                        .amount_cents = 500}));
  return transfer;
}

// [saga]
TEST(TransfersTest, GivesBackWhenTheDepositIsRefused) {
  Requested()
      .ThenSends(Take())
      .OnFrom("account-ada",
              MakeWithdrawn({.amount_cents = 500, .transfer_id = "t-1"}))
      .ThenSends(Give("bob"))
      .OnRejected(Give("bob"), "not_open")
      .ThenCompensates("not_open")
      .ThenUndoes(Give("ada"));
}
// [/saga]

TEST(TransfersTest, EndsWhenNothingWasTaken) {
  Requested().OnRejected(Take(), "insufficient_funds").ThenCompletes();
}

TEST(TransfersTest, EndsWhenTheMoneyHasArrived) {
  Requested()
      .OnFrom("account-ada",
              MakeWithdrawn({.amount_cents = 500, .transfer_id = "t-1"}))
      .OnFrom("account-bob",
              MakeDeposited({.amount_cents = 500, .transfer_id = "t-1"}))
      .ThenCompletes();
}

}  // namespace
}  // namespace bank
