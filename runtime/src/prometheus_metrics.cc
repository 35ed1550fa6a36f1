#include "stele/runtime/prometheus_metrics.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter)
      : counter_(counter) {}
  void Add(double amount) override { counter_.Increment(amount); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram)
      : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

// Exponential: of times, three a decade from 50 microseconds to a minute; of
// sizes, the powers of two up to 4096.
std::vector<double> BucketsOf(std::string_view name) {
  constexpr std::string_view kSeconds = "_seconds";
  const bool is_time = name.size() > kSeconds.size() &&
                       name.substr(name.size() - kSeconds.size()) == kSeconds;
  const double most = is_time ? 60 : 4096;
  const double factor = is_time ? 2.1544346900318843 : 2;
  std::vector<double> bounds;
  for (double bound = is_time ? 50e-6 : 1; bound < most; bound *= factor) {
    bounds.push_back(bound);
  }
  bounds.push_back(most);
  return bounds;
}

std::map<std::string, std::string> ToMap(const MetricLabels& labels) {
  return {labels.begin(), labels.end()};
}

std::string Key(std::string_view name, const MetricLabels& labels) {
  std::string key(name);
  for (const auto& [label, value] : ToMap(labels)) {
    absl::StrAppend(&key, "\n", label, "=", value);
  }
  return key;
}

}  // namespace

struct PrometheusMetrics::Impl {
  prometheus::Registry registry;
  absl::Mutex mutex;
  std::map<std::string, std::unique_ptr<Counter>> counters
      ABSL_GUARDED_BY(mutex);
  std::map<std::string, std::unique_ptr<Gauge>> gauges ABSL_GUARDED_BY(mutex);
  std::map<std::string, std::unique_ptr<Histogram>> histograms
      ABSL_GUARDED_BY(mutex);
};

PrometheusMetrics::PrometheusMetrics() : impl_(std::make_unique<Impl>()) {}
PrometheusMetrics::~PrometheusMetrics() = default;

Counter& PrometheusMetrics::GetCounter(std::string_view name,
                                       std::string_view help,
                                       const MetricLabels& labels) {
  absl::MutexLock lock(&impl_->mutex);
  std::unique_ptr<Counter>& counter = impl_->counters[Key(name, labels)];
  if (counter == nullptr) {
    auto& family = prometheus::BuildCounter()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(impl_->registry);
    counter = std::make_unique<PrometheusCounter>(family.Add(ToMap(labels)));
  }
  return *counter;
}

Gauge& PrometheusMetrics::GetGauge(std::string_view name, std::string_view help,
                                   const MetricLabels& labels) {
  absl::MutexLock lock(&impl_->mutex);
  std::unique_ptr<Gauge>& gauge = impl_->gauges[Key(name, labels)];
  if (gauge == nullptr) {
    auto& family = prometheus::BuildGauge()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(impl_->registry);
    gauge = std::make_unique<PrometheusGauge>(family.Add(ToMap(labels)));
  }
  return *gauge;
}

Histogram& PrometheusMetrics::GetHistogram(std::string_view name,
                                           std::string_view help,
                                           const MetricLabels& labels) {
  absl::MutexLock lock(&impl_->mutex);
  std::unique_ptr<Histogram>& histogram = impl_->histograms[Key(name, labels)];
  if (histogram == nullptr) {
    auto& family = prometheus::BuildHistogram()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(impl_->registry);
    histogram = std::make_unique<PrometheusHistogram>(
        family.Add(ToMap(labels), BucketsOf(name)));
  }
  return *histogram;
}

std::string PrometheusMetrics::Render() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace stele
