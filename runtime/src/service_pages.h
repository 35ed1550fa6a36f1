#ifndef STELE_RUNTIME_SRC_SERVICE_PAGES_H_
#define STELE_RUNTIME_SRC_SERVICE_PAGES_H_

#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "stele/runtime/http_endpoint.h"
#include "stele/runtime/prometheus_metrics.h"
#include "stele/runtime/runtime.h"

namespace stele {

// What a service answers to probes and scrapers, from before it has a store
// until after its runtime is gone.
//
// Thread-safe.
class ServicePages {
 public:
  // `metrics` must outlive it.
  ServicePages(std::string service, const PrometheusMetrics& metrics)
      : service_(std::move(service)), metrics_(metrics) {}

  // What the service does while it has no runtime: "migrating".
  void SetStage(std::string stage);

  // Whom to ask; null before there is one, and before it goes.
  void SetRuntime(const Runtime* runtime);

  // This must outlive them.
  std::map<std::string, HttpEndpoint::Handler> Handlers() const;

 private:
  HttpResponse Readiness() const;
  HttpResponse Status() const;

  const std::string service_;
  const PrometheusMetrics& metrics_;
  mutable absl::Mutex mutex_;  // Held while the runtime is asked.
  std::string stage_ ABSL_GUARDED_BY(mutex_) = "starting";
  const Runtime* runtime_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace stele

#endif  // STELE_RUNTIME_SRC_SERVICE_PAGES_H_
