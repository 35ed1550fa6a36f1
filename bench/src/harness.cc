#include "harness.h"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"

namespace stele::bench {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

double Percentile(std::vector<double> values, int percent) {
  std::sort(values.begin(), values.end());
  const std::size_t rank =
      (values.size() * static_cast<std::size_t>(percent) + 99) / 100;
  return values[std::max<std::size_t>(rank, 1) - 1];
}

absl::StatusOr<Figure> Measure(const Contest& contest, int rounds) {
  std::vector<double> ours;
  std::vector<double> baselines;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    absl::StatusOr<double> baseline = contest.baseline();
    if (!baseline.ok()) {
      return Annotate(baseline.status(),
                      absl::StrCat(contest.name, ", baseline"));
    }
    absl::StatusOr<double> value = contest.ours();
    if (!value.ok()) return Annotate(value.status(), contest.name);
    ours.push_back(*value);
    baselines.push_back(*baseline);
    ratios.push_back(*value / *baseline);
  }
  return Figure{contest.name,      Median(ours),   contest.unit,
                Median(baselines), Median(ratios), contest.against};
}

absl::StatusOr<double> CallsPerSecond(
    int callers, absl::Duration duration,
    const std::function<absl::Status(int caller)>& work) {
  absl::Mutex mutex;
  absl::Status error;
  std::atomic<std::int64_t> calls = 0;
  std::atomic<bool> failed = false;
  const absl::Time began = absl::Now();
  const absl::Time end = began + duration;
  {
    std::vector<std::jthread> threads;
    for (int caller = 0; caller < callers; ++caller) {
      threads.emplace_back([&, caller] {
        std::int64_t done = 0;
        while (!failed && absl::Now() < end) {
          if (absl::Status status = work(caller); !status.ok()) {
            absl::MutexLock lock(&mutex);
            error = status;
            failed = true;
            break;
          }
          ++done;
        }
        calls += done;
      });
    }
  }
  if (!error.ok()) return error;
  return static_cast<double>(calls) /
         absl::ToDoubleSeconds(absl::Now() - began);
}

absl::StatusOr<double> MedianMicros(absl::Duration duration,
                                    const std::function<absl::Status()>& work) {
  std::vector<double> micros;
  const absl::Time end = absl::Now() + duration;
  while (absl::Now() < end) {
    const absl::Time began = absl::Now();
    STELE_RETURN_IF_ERROR(work());
    micros.push_back(absl::ToDoubleMicroseconds(absl::Now() - began));
  }
  return Median(std::move(micros));
}

void PrintHeader() {
  std::printf("%-26s %14s %-10s %14s %8s  %s\n", "name", "ours", "unit",
              "baseline", "ratio", "against");
  std::fflush(stdout);
}

void PrintFigure(const Figure& figure) {
  std::printf("%-26s %14.1f %-10s %14.1f %8.2f  %s\n", figure.name.c_str(),
              figure.value, figure.unit.c_str(), figure.baseline, figure.ratio,
              figure.against.c_str());
  std::fflush(stdout);
}

absl::Status WriteJson(const std::string& path,
                       const std::vector<Figure>& figures) {
  boost::json::array all;
  for (const Figure& figure : figures) {
    all.push_back(boost::json::object{{"name", figure.name},
                                      {"value", figure.value},
                                      {"unit", figure.unit},
                                      {"baseline", figure.baseline},
                                      {"ratio", figure.ratio}});
  }
  std::ofstream file(path);
  file << boost::json::serialize(all) << "\n";
  file.close();
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot write ", path, "; choose a writable path"));
  }
  return absl::OkStatus();
}

}  // namespace stele::bench
