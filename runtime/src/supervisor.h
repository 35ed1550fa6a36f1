#ifndef STELE_RUNTIME_SUPERVISOR_H_
#define STELE_RUNTIME_SUPERVISOR_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stele/base/backoff.h"
#include "stele/base/metrics.h"

namespace stele {

// How one part of a runtime is doing.
struct PartStatus {
  std::string name;
  bool is_running = false;
  bool has_finished = false;  // It returned OK: there is nothing left to do.
  int restarts = 0;           // Since the start.
  absl::Status last_error;    // OK if it has not failed.
  absl::Time since;           // When it last began to run or to wait.
};

// Runs parts, each on a thread of its own, and starts a part that fails again
// after a back-off.
//
// Metrics, with label part=<name>: stele_part_running (1 or 0) and
// stele_part_restarts_total.
//
// Thread-safe.
class Supervisor {
 public:
  // Works until `stop` is requested, it fails, or there is nothing left to do.
  // Called again after a failure.
  using Run = std::function<absl::Status(std::stop_token stop)>;

  explicit Supervisor(Metrics& metrics, BackoffOptions backoff = {});
  ~Supervisor();  // Stops, waiting as long as it takes.

  // REQUIRES: Start() was not called.
  void Add(std::string name, Run run);
  void Start();

  // Asks all parts to stop and waits for them, at most `grace`.
  // kDeadlineExceeded names those that still run; they are still waited for by
  // the destructor.
  absl::Status Stop(absl::Duration grace);

  std::vector<PartStatus> Status() const;

 private:
  struct Part {
    std::string name;
    Run run;
    PartStatus status;
    bool has_ended = false;
    std::jthread thread;
  };

  void Loop(Part& part, std::stop_token stop);
  void NoteBegin(Part& part);
  void NoteEnd(Part& part, const absl::Status& ended, bool is_stopping);

  Metrics& metrics_;
  const BackoffOptions backoff_;
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace stele

#endif  // STELE_RUNTIME_SUPERVISOR_H_
