#include "stele/base/metrics.h"

namespace stele {
namespace {

class NoCounter final : public Counter {
 public:
  void Add(double) override {}
};

class NoGauge final : public Gauge {
 public:
  void Set(double) override {}
};

class NoHistogram final : public Histogram {
 public:
  void Observe(double) override {}
};

class ForgetfulMetrics final : public Metrics {
 public:
  Counter& GetCounter(std::string_view, std::string_view,
                      const MetricLabels&) override {
    return counter_;
  }
  Gauge& GetGauge(std::string_view, std::string_view,
                  const MetricLabels&) override {
    return gauge_;
  }
  Histogram& GetHistogram(std::string_view, std::string_view,
                          const MetricLabels&) override {
    return histogram_;
  }

 private:
  NoCounter counter_;
  NoGauge gauge_;
  NoHistogram histogram_;
};

}  // namespace

Metrics& NoMetrics() {
  static auto* const kMetrics = new ForgetfulMetrics;
  return *kMetrics;
}

}  // namespace stele
