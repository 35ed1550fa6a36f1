#ifndef STELE_TESTS_MODEL_BANK_RULES_H_
#define STELE_TESTS_MODEL_BANK_RULES_H_

#include <string>

#include "absl/time/time.h"
#include "bank.stele.h"

namespace bank {

// The rules of an account. Pure: no I/O, no clock, no randomness.
struct AccountDecider {
  using Aggregate = Account;

  static AccountDecision Decide(const Account& account,
                                const OpenAccount& cmd) {
    if (account.is_open()) return stele::Reject("already_open");
    return MakeAccountOpened({.owner = cmd.owner()});
  }

  static AccountDecision Decide(const Account& account, const Deposit& cmd) {
    if (!account.is_open()) return stele::Reject("not_open");
    if (cmd.amount_cents() <= 0) return stele::Reject("bad_amount");
    return MakeDeposited(
        {.amount_cents = cmd.amount_cents(), .transfer_id = cmd.transfer_id()});
  }

  static AccountDecision Decide(const Account& account, const Withdraw& cmd) {
    if (!account.is_open()) return stele::Reject("not_open");
    if (cmd.amount_cents() <= 0) return stele::Reject("bad_amount");
    if (cmd.amount_cents() > account.balance_cents()) {
      return stele::Reject("insufficient_funds", "the balance is too low");
    }
    return MakeWithdrawn(
        {.amount_cents = cmd.amount_cents(), .transfer_id = cmd.transfer_id()});
  }

  static AccountDecision Decide(const Account&, const Refund& cmd) {
    return MakeRefunded(
        {.amount_cents = cmd.amount_cents(), .transfer_id = cmd.transfer_id()});
  }

  static AccountDecision Decide(const Account& account,
                                const RequestTransfer& cmd) {
    if (!account.is_open()) return stele::Reject("not_open");
    if (cmd.to_account_id() == cmd.account_id()) return stele::NoEvents;
    return MakeTransferRequested(
        {.transfer_id = cmd.transfer_id(),
         .to_account_id = cmd.to_account_id(),
         .amount_cents = cmd.amount_cents(),
         .settle_after_seconds = cmd.settle_after_seconds()});
  }

  // Evolving cannot fail: these facts have already happened.
  static void Evolve(Account& account, const AccountOpened&) {
    account.set_is_open(true);
  }
  static void Evolve(Account& account, const Deposited& e) {
    account.set_balance_cents(account.balance_cents() + e.amount_cents());
  }
  static void Evolve(Account& account, const Withdrawn& e) {
    account.set_balance_cents(account.balance_cents() - e.amount_cents());
  }
  static void Evolve(Account& account, const Refunded& e) {
    account.set_balance_cents(account.balance_cents() + e.amount_cents());
  }
  static void Evolve(Account&, const TransferRequested&) {}
};

static_assert(DecidesAccount<AccountDecider>);

// Keeps the account_balance table: the id of the stream is the key.
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
  static void Apply(AccountBalance& row, const stele::Recorded<Refunded>& e) {
    row.set_balance_cents(row.balance_cents() + e->amount_cents());
  }
};

static_assert(ProjectsAccountBalance<Balances>);

// Keeps the transfer_status table: a field of the events is the key, and a
// refunded transfer loses its row.
struct TransferStatuses {
  using ReadModel = TransferStatus;

  static void Apply(TransferStatus& row,
                    const stele::Recorded<TransferRequested>& e) {
    row.set_from_account_id(std::string(e.id()));
    row.set_to_account_id(e->to_account_id());
    row.set_amount_cents(e->amount_cents());
    row.set_status("requested");
  }
  static void Apply(TransferStatus& row, const stele::Recorded<Withdrawn>&) {
    row.set_status("withdrawn");
  }
  static void Apply(TransferStatus& row, const stele::Recorded<Deposited>&) {
    row.set_status("done");
  }
  static stele::RowAction Apply(TransferStatus&,
                                const stele::Recorded<Refunded>&) {
    return stele::RowAction::kDelete;
  }
};

static_assert(ProjectsTransferStatus<TransferStatuses>);

// Moves money: withdraws, waits if asked to, deposits; gives the money back if
// the deposit is refused.
struct Transfers {
  using State = Transfer;

  static stele::Next On(Transfer& saga,
                        const stele::Recorded<TransferRequested>& e) {
    saga.set_from_account_id(std::string(e.id()));
    saga.set_to_account_id(e->to_account_id());
    saga.set_amount_cents(e->amount_cents());
    saga.set_settle_after_seconds(e->settle_after_seconds());
    return stele::Send(MakeWithdraw({.account_id = saga.from_account_id(),
                                     .amount_cents = saga.amount_cents(),
                                     .transfer_id = saga.transfer_id()}));
  }

  static stele::Next On(Transfer& saga, const stele::Recorded<Withdrawn>&) {
    stele::Next next;
    next.Undo(MakeRefund({.account_id = saga.from_account_id(),
                          .amount_cents = saga.amount_cents(),
                          .transfer_id = saga.transfer_id()}));
    if (saga.settle_after_seconds() > 0) {
      next.StartTimer<TransferSettlement>(
          absl::Seconds(saga.settle_after_seconds()));
    } else {
      next.Send(DepositOf(saga));
    }
    return next;
  }

  static stele::Next On(Transfer& saga,
                        const stele::Elapsed<TransferSettlement>&) {
    return stele::Send(DepositOf(saga));
  }

  static stele::Next On(Transfer&, const stele::Recorded<Deposited>&) {
    return stele::Complete();
  }

  static stele::Next On(Transfer&, const stele::Rejected<Withdraw>&) {
    return stele::Complete();  // Nothing was taken, so there is nothing to
                               // undo.
  }
  static stele::Next On(Transfer&, const stele::Rejected<Deposit>& no) {
    return stele::Compensate(no.reason());
  }
  static stele::Next On(Transfer&, const stele::Rejected<Refund>&) {
    return stele::Continue();  // A refund is never refused.
  }

 private:
  static Deposit DepositOf(const Transfer& saga) {
    return MakeDeposit({.account_id = saga.to_account_id(),
                        .amount_cents = saga.amount_cents(),
                        .transfer_id = saga.transfer_id()});
  }
};

static_assert(DrivesTransfer<Transfers>);

}  // namespace bank

#endif  // STELE_TESTS_MODEL_BANK_RULES_H_
