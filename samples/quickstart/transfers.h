#ifndef QUICKSTART_TRANSFERS_H_
#define QUICKSTART_TRANSFERS_H_

#include <string>

#include "bank.stele.h"

namespace bank {

// [transfers]
// Takes from one account and gives to the other, or gives back.
struct Transfers {
  using State = Transfer;

  static stele::Next On(Transfer& saga,
                        const stele::Recorded<TransferRequested>& e) {
    saga.set_from_account_id(std::string(e.id()));
    saga.set_to_account_id(e->to_account_id());
    saga.set_amount_cents(e->amount_cents());
    return stele::Send(MakeWithdraw({.account_id = saga.from_account_id(),
                                     .amount_cents = saga.amount_cents(),
                                     .transfer_id = saga.transfer_id()}));
  }

  // From here on there is something to give back.
  static stele::Next On(Transfer& saga, const stele::Recorded<Withdrawn>&) {
    return stele::Send(MakeDeposit({.account_id = saga.to_account_id(),
                                    .amount_cents = saga.amount_cents(),
                                    .transfer_id = saga.transfer_id()}))
        .Undo(MakeDeposit({.account_id = saga.from_account_id(),
                           .amount_cents = saga.amount_cents(),
                           .transfer_id = saga.transfer_id()}));
  }

  static stele::Next On(Transfer&, const stele::Recorded<Deposited>&) {
    return stele::Complete();
  }

  // Each command can be refused, and each refusal must be met.
  static stele::Next On(Transfer&, const stele::Rejected<Withdraw>&) {
    return stele::Complete();  // Nothing was taken.
  }
  static stele::Next On(Transfer&, const stele::Rejected<Deposit>& no) {
    return stele::Compensate(no.reason());
  }
};
// [/transfers]

static_assert(DrivesTransfer<Transfers>);

}  // namespace bank

#endif  // QUICKSTART_TRANSFERS_H_
