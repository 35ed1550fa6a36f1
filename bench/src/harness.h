#ifndef STELE_BENCH_HARNESS_H_
#define STELE_BENCH_HARNESS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stele::bench {

// One figure of a run: ours, beside what it is measured against in the same
// run. Medians over the rounds.
struct Figure {
  std::string name;  // "append.new.c64"
  double value = 0;
  std::string unit;  // "events/s"
  double baseline = 0;
  double ratio = 0;     // Median of the rounds' ratios, not of the medians.
  std::string against;  // What the baseline is, in words.
};

// Both sides of one figure. Each call is one measurement; a round is one of
// each, one after the other, so that both see the same machine.
struct Contest {
  std::string name;
  std::string unit;
  std::string against;
  std::function<absl::StatusOr<double>()> ours;
  std::function<absl::StatusOr<double>()> baseline;
};

absl::StatusOr<Figure> Measure(const Contest& contest, int rounds);

// Calls `work(caller)` again and again from `callers` threads for `duration`;
// returns calls a second. The first error ends it.
absl::StatusOr<double> CallsPerSecond(
    int callers, absl::Duration duration,
    const std::function<absl::Status(int caller)>& work);

// One call after the other for `duration`; the median of their times in
// microseconds.
absl::StatusOr<double> MedianMicros(absl::Duration duration,
                                    const std::function<absl::Status()>& work);

// REQUIRES: not empty.
double Median(std::vector<double> values);
// The smallest value that `percent` of them do not exceed. 1 to 100.
double Percentile(std::vector<double> values, int percent);

void PrintHeader();
void PrintFigure(const Figure& figure);
// [{"name", "value", "unit", "baseline", "ratio"}]
absl::Status WriteJson(const std::string& path,
                       const std::vector<Figure>& figures);

}  // namespace stele::bench

#endif  // STELE_BENCH_HARNESS_H_
