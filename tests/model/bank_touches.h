#ifndef STELE_TESTS_MODEL_BANK_TOUCHES_H_
#define STELE_TESTS_MODEL_BANK_TOUCHES_H_

#include "bank.stele.h"

namespace bank {

// Counts, in its amount, how many events belong to each transfer.
struct Touches {
  using ReadModel = TransferStatus;
  static void Apply(TransferStatus& row,
                    const stele::Recorded<TransferRequested>&) {
    Add(row);
  }
  static void Apply(TransferStatus& row, const stele::Recorded<Withdrawn>&) {
    Add(row);
  }
  static void Apply(TransferStatus& row, const stele::Recorded<Deposited>&) {
    Add(row);
  }
  static void Apply(TransferStatus& row, const stele::Recorded<Refunded>&) {
    Add(row);
  }

 private:
  static void Add(TransferStatus& row) {
    row.set_amount_cents(row.amount_cents() + 1);
  }
};

}  // namespace bank

#endif  // STELE_TESTS_MODEL_BANK_TOUCHES_H_
