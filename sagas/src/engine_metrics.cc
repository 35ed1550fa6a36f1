#include "engine_metrics.h"

namespace stele::sagas_internal {

EngineMetrics::EngineMetrics(Metrics* metrics, const std::string& saga) {
  Metrics& to = metrics == nullptr ? NoMetrics() : *metrics;
  steps_ = &to.GetCounter("stele_saga_steps_total", "Steps taken.",
                          {{"saga", saga}});
  const auto ended = [&](const char* status) {
    return &to.GetCounter("stele_saga_ended_total", "Instances that ended.",
                          {{"saga", saga}, {"status", status}});
  };
  completed_ = ended("completed");
  compensated_ = ended("compensated");
  const auto commands = [&](const char* answer) {
    return &to.GetCounter("stele_saga_commands_total",
                          "Commands sent and answered.",
                          {{"saga", saga}, {"answer", answer}});
  };
  accepted_ = commands("accepted");
  rejected_ = commands("rejected");
  lateness_ = &to.GetHistogram("stele_saga_timer_lateness_seconds",
                               "From when a timer was due to when it was taken "
                               "up.",
                               {{"saga", saga}});
  for (int i = 0; i < kVerdicts; ++i) {
    dropped_[i] = &to.GetCounter(
        "stele_saga_inputs_dropped_total", "Inputs that led to no step.",
        {{"saga", saga},
         {"why", std::string(VerdictName(static_cast<Verdict>(i)))}});
  }
}

void EngineMetrics::Stepped(StoredSagaStatus status) {
  steps_->Add();
  if (status == SAGA_STATUS_COMPLETED) completed_->Add();
  if (status == SAGA_STATUS_COMPENSATED) compensated_->Add();
}

void EngineMetrics::Dropped(Verdict verdict) {
  dropped_[static_cast<int>(verdict)]->Add();
}

}  // namespace stele::sagas_internal
