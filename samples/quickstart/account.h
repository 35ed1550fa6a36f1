#ifndef QUICKSTART_ACCOUNT_H_
#define QUICKSTART_ACCOUNT_H_

#include "bank.stele.h"

namespace bank {

// The rules of an account. Pure: no I/O, no clock, no randomness.
struct AccountDecider {
  using Aggregate = Account;

  static AccountDecision Decide(const Account&, const OpenAccount& cmd) {
    return MakeAccountOpened({.owner = cmd.owner()});
  }

  static AccountDecision Decide(const Account& account, const Deposit& cmd) {
    if (!account.is_open()) return stele::Reject("not_open");
    if (cmd.amount_cents() <= 0) return stele::Reject("bad_amount");
    return MakeDeposited(
        {.amount_cents = cmd.amount_cents(), .transfer_id = cmd.transfer_id()});
  }

  // [decide]
  static AccountDecision Decide(const Account& account, const Withdraw& cmd) {
    if (!account.is_open()) return stele::Reject("not_open");
    if (cmd.amount_cents() <= 0) return stele::Reject("bad_amount");
    if (cmd.amount_cents() > account.balance_cents()) {
      return stele::Reject("insufficient_funds");
    }
    return MakeWithdrawn(
        {.amount_cents = cmd.amount_cents(), .transfer_id = cmd.transfer_id()});
  }

  static void Evolve(Account& account, const Withdrawn& e) {
    account.set_balance_cents(account.balance_cents() - e.amount_cents());
  }
  // [/decide]

  static AccountDecision Decide(const Account& account,
                                const RequestTransfer& cmd) {
    if (!account.is_open()) return stele::Reject("not_open");
    if (cmd.to_account_id() == cmd.account_id()) {
      return stele::Reject("same_account");
    }
    return MakeTransferRequested({.transfer_id = cmd.transfer_id(),
                                  .to_account_id = cmd.to_account_id(),
                                  .amount_cents = cmd.amount_cents()});
  }

  static void Evolve(Account& account, const AccountOpened&) {
    account.set_is_open(true);
  }
  static void Evolve(Account& account, const Deposited& e) {
    account.set_balance_cents(account.balance_cents() + e.amount_cents());
  }
  static void Evolve(Account&, const TransferRequested&) {}
};

// Fails here, and names the overload, if one is missing.
static_assert(DecidesAccount<AccountDecider>);

// [balances]
// Keeps the account_balance table.
struct Balances {
  using ReadModel = AccountBalance;

  static void Apply(AccountBalance& row,
                    const stele::Recorded<AccountOpened>& e) {
    row.set_owner(e->owner());
  }
  static void Apply(AccountBalance& row, const stele::Recorded<Deposited>& e) {
    row.set_balance_cents(row.balance_cents() + e->amount_cents());
  }
  static void Apply(AccountBalance& row, const stele::Recorded<Withdrawn>& e) {
    row.set_balance_cents(row.balance_cents() - e->amount_cents());
  }
};
// [/balances]

static_assert(ProjectsAccountBalance<Balances>);

}  // namespace bank

#endif  // QUICKSTART_ACCOUNT_H_
