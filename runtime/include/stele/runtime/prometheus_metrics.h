#ifndef STELE_RUNTIME_PROMETHEUS_METRICS_H_
#define STELE_RUNTIME_PROMETHEUS_METRICS_H_

#include <memory>
#include <string>
#include <string_view>

#include "stele/base/metrics.h"

namespace stele {

// Metrics that Prometheus can scrape. Histograms whose names end in "_seconds"
// have buckets from 50 microseconds to a minute, others from 1 to 4096.
//
// Thread-safe.
class PrometheusMetrics : public Metrics {
 public:
  PrometheusMetrics();
  ~PrometheusMetrics() override;

  Counter& GetCounter(std::string_view name, std::string_view help,
                      const MetricLabels& labels = {}) override;
  Gauge& GetGauge(std::string_view name, std::string_view help,
                  const MetricLabels& labels = {}) override;
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          const MetricLabels& labels = {}) override;

  // All time series in the Prometheus text format 0.0.4.
  std::string Render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stele

#endif  // STELE_RUNTIME_PROMETHEUS_METRICS_H_
