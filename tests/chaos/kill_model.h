#ifndef STELE_TESTS_CHAOS_KILL_MODEL_H_
#define STELE_TESTS_CHAOS_KILL_MODEL_H_

#include <string>

#include "bank.stele.h"
#include "tests/model/bank_rules.h"
#include "tests/model/bank_sql_rules.h"

namespace stele::chaos {

// The processes that are killed begin their names with this.
inline constexpr char kVictim[] = "victim";
// Deposits of as many cents stop, by SIGSTOP, a process that is told to
// (--freeze) before it handles one.
inline constexpr int kFreezingCents = 4242;

// The inline projection: how many events belong to each transfer.
struct Touches {
  using ReadModel = bank::TransferStatus;
  static void Apply(bank::TransferStatus& row,
                    const Recorded<bank::TransferRequested>&) {
    Add(row);
  }
  static void Apply(bank::TransferStatus& row,
                    const Recorded<bank::Withdrawn>&) {
    Add(row);
  }
  static void Apply(bank::TransferStatus& row,
                    const Recorded<bank::Deposited>&) {
    Add(row);
  }
  static void Apply(bank::TransferStatus& row,
                    const Recorded<bank::Refunded>&) {
    Add(row);
  }

 private:
  static void Add(bank::TransferStatus& row) {
    row.set_amount_cents(row.amount_cents() + 1);
  }
};

// The function of the triggers that stop victims at the points that the test
// has armed. A trigger's argument is the number of its point; without one, the
// table tells it.
inline std::string StopFunction(const std::string& schema) {
  return schema + ".stop_here()";
}

}  // namespace stele::chaos

#endif  // STELE_TESTS_CHAOS_KILL_MODEL_H_
