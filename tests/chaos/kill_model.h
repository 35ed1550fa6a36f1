#ifndef STELE_TESTS_CHAOS_KILL_MODEL_H_
#define STELE_TESTS_CHAOS_KILL_MODEL_H_

#include <string>

#include "bank.stele.h"
#include "tests/model/bank_rules.h"
#include "tests/model/bank_sql_rules.h"
#include "tests/model/bank_touches.h"

namespace stele::chaos {

// The processes that are killed begin their names with this.
inline constexpr char kVictim[] = "victim";
// Deposits of as many cents stop, by SIGSTOP, a process that is told to
// (--freeze) before it handles one.
inline constexpr int kFreezingCents = 4242;

using bank::Touches;  // The inline projection.

// The function of the triggers that stop victims at the points that the test
// has armed. A trigger's argument is the number of its point; without one, the
// table tells it.
inline std::string StopFunction(const std::string& schema) {
  return schema + ".stop_here()";
}

}  // namespace stele::chaos

#endif  // STELE_TESTS_CHAOS_KILL_MODEL_H_
