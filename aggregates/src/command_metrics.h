#ifndef STELE_AGGREGATES_SRC_COMMAND_METRICS_H_
#define STELE_AGGREGATES_SRC_COMMAND_METRICS_H_

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stele/aggregates/dispatcher.h"
#include "stele/base/metrics.h"

namespace stele {

// What is counted of one type of command. Thread-safe.
class CommandMetrics {
 public:
  // `metrics` must outlive this.
  CommandMetrics(Metrics& metrics, std::string command);

  // One command was answered with `receipt` after `took`.
  void Answered(const absl::StatusOr<Receipt>& receipt, absl::Duration took);

  // Another writer was faster.
  void Conflicted() { conflicts_.Add(); }

 private:
  Histogram& SecondsOf(const std::string& outcome);
  Counter& RejectionsFor(const std::string& reason);

  Metrics& metrics_;
  const std::string command_;
  Counter& conflicts_;
  absl::Mutex mutex_;
  std::map<std::string, Histogram*> seconds_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Counter*> rejections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_COMMAND_METRICS_H_
