#ifndef STELE_BASE_METRICS_H_
#define STELE_BASE_METRICS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stele {

// Label names and values of one time series. Bounded sets only: never a stream
// id, key or message.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double amount = 1) = 0;  // amount >= 0.
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;  // Seconds for durations.
};

// Makes the instruments that the library reports through. Asking again for the
// same name and labels gives the same instrument, which lives as long as the
// factory. The names that Stele uses are in docs/operating/metrics.md.
//
// Thread-safe, as are all instruments.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual Counter& GetCounter(std::string_view name, std::string_view help,
                              const MetricLabels& labels = {}) = 0;
  virtual Gauge& GetGauge(std::string_view name, std::string_view help,
                          const MetricLabels& labels = {}) = 0;
  // Buckets are the implementation's; names that end in `_seconds` are
  // durations.
  virtual Histogram& GetHistogram(std::string_view name, std::string_view help,
                                  const MetricLabels& labels = {}) = 0;
};

// Instruments that forget everything. Never destroyed.
Metrics& NoMetrics();

}  // namespace stele

#endif  // STELE_BASE_METRICS_H_
