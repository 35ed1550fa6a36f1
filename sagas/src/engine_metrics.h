#ifndef STELE_SAGAS_SRC_ENGINE_METRICS_H_
#define STELE_SAGAS_SRC_ENGINE_METRICS_H_

#include <array>
#include <string>

#include "fold.h"
#include "stele/base/metrics.h"
#include "stele/envelope.pb.h"

namespace stele::sagas_internal {

// What one saga's engine reports. Thread-safe.
class EngineMetrics {
 public:
  EngineMetrics(Metrics* metrics, const std::string& saga);

  void Stepped(StoredSagaStatus status);
  void Dropped(Verdict verdict);
  void CommandAccepted() { accepted_->Add(); }
  void CommandRejected() { rejected_->Add(); }
  void TimerElapsed(absl::Duration late) {
    lateness_->Observe(absl::ToDoubleSeconds(late));
  }

 private:
  Counter* steps_;
  Counter* completed_;
  Counter* compensated_;
  Counter* accepted_;
  Counter* rejected_;
  Histogram* lateness_;
  std::array<Counter*, kVerdicts> dropped_;
};

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_ENGINE_METRICS_H_
