#ifndef STELE_BENCH_RAW_TIMERS_H_
#define STELE_BENCH_RAW_TIMERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stele::bench {

// Timers as one would write them by hand: rows with a due time, and a worker
// that deletes those that are due every `poll`, through plain libpq. Lets
// `timers` of them run out, `apart` from each other, and returns how late each
// was in the worker's hands, in milliseconds.
absl::StatusOr<std::vector<double>> RawTimersLate(const std::string& dsn,
                                                  int timers,
                                                  absl::Duration apart,
                                                  absl::Duration poll);

}  // namespace stele::bench

#endif  // STELE_BENCH_RAW_TIMERS_H_
