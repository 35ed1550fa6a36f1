#ifndef STELE_OUTBOX_SRC_INBOX_PROGRESS_H_
#define STELE_OUTBOX_SRC_INBOX_PROGRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "inbox_work.h"
#include "stele/base/metrics.h"
#include "stele/outbox/inbox.h"

namespace stele::outbox_internal {

// What the world sees of an inbox: its snapshot, its metrics and its log.
//
// Thread-safe.
class InboxProgress {
 public:
  InboxProgress(Metrics& metrics, std::string inbox);

  InboxActivity Snapshot() const;

  // REQUIRES: it does not run yet, if it is to run now.
  void SetRunning(bool is_running);
  void SetLeader(bool is_leader);
  void SetParkedKeys(std::int64_t keys);
  // OK = it goes on after it hung.
  void SetStuck(const absl::Status& why);

  // A message has ended so, this long after its first try began.
  void Ended(Outcome outcome, absl::Duration took);
  // One try of a message has failed; `message` and `key` tell which.
  void TryFailed(std::string_view message, std::string_view key,
                 const absl::Status& failure);
  // How a beat has ended: the circuit is open if not with OK or kCancelled.
  void Beat(const absl::Status& status);

 private:
  const std::string inbox_;
  Counter& handled_;
  Counter& duplicates_;
  Counter& unhandled_;
  Counter& set_aside_;
  Counter& failures_;
  Histogram& handle_seconds_;
  Gauge& parked_keys_;
  Gauge& circuit_open_;
  Gauge& stuck_;

  mutable absl::Mutex mutex_;
  InboxActivity snapshot_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_INBOX_PROGRESS_H_
