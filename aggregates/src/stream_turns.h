#ifndef STELE_AGGREGATES_SRC_STREAM_TURNS_H_
#define STELE_AGGREGATES_SRC_STREAM_TURNS_H_

#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "stele/base/metrics.h"
#include "stream_state.h"

namespace stele {

// Has the commands of one process on one stream go one after another, in the
// order they came, so that they do not make each other's appends fail. Whoever
// is done leaves the state to the next, which then need not read it.
//
// No lock is held during a turn. Thread-safe.
class StreamTurns {
 public:
  // At most `waiting_max` commands wait for their turn, over all streams.
  // `metrics` must outlive this.
  StreamTurns(int waiting_max, Metrics& metrics);

  // Waits for one's turn. Returns the state that the one before left, which may
  // have missed what other processes wrote; null if it left none.
  // kResourceExhausted if too many wait already.
  absl::StatusOr<std::unique_ptr<StreamState>> Take(
      const std::string& stream_id);

  // Ends the turn that Take() began.
  void Pass(const std::string& stream_id, std::unique_ptr<StreamState> state);

 private:
  struct Waiter {
    bool has_turn = false;
    absl::CondVar wake;
    std::unique_ptr<StreamState> state;
  };

  void AddWaiting(int change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int waiting_max_;
  Gauge& waiting_gauge_;
  absl::Mutex mutex_;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  // Who waits, by stream. A stream is in here for as long as it is somebody's
  // turn.
  absl::flat_hash_map<std::string, std::deque<Waiter*>> lines_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_STREAM_TURNS_H_
