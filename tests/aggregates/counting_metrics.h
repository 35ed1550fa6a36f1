#ifndef STELE_TESTS_AGGREGATES_COUNTING_METRICS_H_
#define STELE_TESTS_AGGREGATES_COUNTING_METRICS_H_

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "stele/base/metrics.h"
#include "stele/base/strings.h"

namespace stele {

// Remembers counters, gauges, and how often a histogram was given a value, by
// "name{label=value,...}".
class CountingMetrics final : public Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view,
                      const MetricLabels& labels) override {
    return SeriesOf(name, labels);
  }
  Gauge& GetGauge(std::string_view name, std::string_view,
                  const MetricLabels& labels) override {
    return SeriesOf(name, labels);
  }
  Histogram& GetHistogram(std::string_view name, std::string_view,
                          const MetricLabels& labels) override {
    return SeriesOf(name, labels);
  }

  double operator[](const std::string& series) {
    absl::MutexLock lock(&mutex_);
    const auto it = series_.find(series);
    return it == series_.end() ? 0 : it->second->value();
  }

 private:
  class Series final : public Counter, public Gauge, public Histogram {
   public:
    void Add(double amount) override {
      absl::MutexLock lock(&mutex_);
      value_ += amount;
    }
    void Set(double value) override {
      absl::MutexLock lock(&mutex_);
      value_ = value;
    }
    void Observe(double) override { Add(1); }
    double value() {
      absl::MutexLock lock(&mutex_);
      return value_;
    }

   private:
    absl::Mutex mutex_;
    double value_ = 0;
  };

  Series& SeriesOf(std::string_view name, const MetricLabels& labels) {
    std::string key = absl::StrCat(ToAbsl(name), "{");
    for (const auto& [label, value] : labels) {
      absl::StrAppend(&key, key.back() == '{' ? "" : ",", label, "=", value);
    }
    key += "}";
    absl::MutexLock lock(&mutex_);
    auto& series = series_[key];
    if (series == nullptr) series = std::make_unique<Series>();
    return *series;
  }

  absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Series>> series_;
};

}  // namespace stele

#endif  // STELE_TESTS_AGGREGATES_COUNTING_METRICS_H_
