#ifndef STELE_EVENTSTORE_SRC_POSTGRES_HEAD_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_HEAD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "postgres/history.h"
#include "postgres/io.h"
#include "postgres/room.h"
#include "postgres/statements.h"
#include "stele/base/backoff.h"
#include "stele/base/metrics.h"
#include "stele/postgres/async_connection.h"

namespace stele::postgres_store {

// The position of the last event below which nothing can still appear, pieced
// together from what the server says. Sound whatever the order of the reports.
//
// Positions are taken before the commit, so a later one may be visible while an
// earlier one is not. Whoever appends holds a floor from before taking its
// positions until its commit. So of every position up to a last_value that was
// read *before* the floors: its floor is among them, or its event is visible
// *after* them, or it will never come.
class Head {
 public:
  std::int64_t position() const { return position_; }

  // What the floors, read after `last_value`, let pass. `floors` are the lower
  // 32 bits of positions.
  std::int64_t Bound(std::int64_t last_value,
                     const std::vector<std::uint32_t>& floors) const;

  // The last event up to a bound, read after the floors.
  void MoveTo(std::int64_t position);

  // Events of ours that have been committed: where they carry on from the head
  // without a hole, nothing can be missing. Ascending.
  void Committed(const std::vector<std::int64_t>& positions);

 private:
  void Absorb();

  std::int64_t position_ = 0;
  bool is_known_ = false;
  // Committed runs beyond the head: first to last position. Bounded.
  std::map<std::int64_t, std::int64_t> runs_;
};

// A head, and the history it is of.
struct HeadAt {
  std::int64_t position = 0;
  std::uint64_t history = 0;  // See History::number().
};

// Follows the head of the log for all readers of a process, and tells other
// processes when this one has appended.
//
// Used on the IoThread, but for head(), WaitFor(), Interrupt() and
// OnCommitted(), which are thread-safe.
class HeadTracker {
 public:
  HeadTracker(IoThread& thread, const Statements& statements, History& history,
              postgres::ConnectOptions connect, std::string channel,
              absl::Duration call_timeout, Metrics& metrics);

  void Start();
  void Stop();

  // As last seen.
  HeadAt head() const;

  // Looks anew, and returns what was true at some time after the call, or
  // kDeadlineExceeded after `call_timeout`.
  boost::asio::awaitable<absl::StatusOr<HeadAt>> Refresh();

  // kDataLoss when the history changes meanwhile.
  absl::StatusOr<std::int64_t> WaitFor(std::int64_t position,
                                       absl::Time deadline);
  void Interrupt();

  // This process committed `events`, ascending, in a run of that history.
  void OnCommitted(std::vector<PlacedEvent> events, std::uint64_t history);

 private:
  using Result = absl::StatusOr<HeadAt>;
  using Waiter = std::function<void(Result)>;

  boost::asio::awaitable<void> Follow();
  boost::asio::awaitable<void> Rest();
  boost::asio::awaitable<void> Announce();
  boost::asio::awaitable<absl::Status> Attach();
  boost::asio::awaitable<absl::Status> Look();
  boost::asio::awaitable<absl::Status> LookUpTo(std::int64_t last_value);
  boost::asio::awaitable<absl::StatusOr<std::vector<PlacedEvent>>> EventsUpTo(
      std::int64_t bound);
  // Forgets the head of any other history.
  void Adopt(std::uint64_t history);
  void Publish();
  void Answer(std::vector<Waiter> waiters, const absl::Status& status);

  IoThread& thread_;
  const Statements& statements_;
  History& history_;
  const std::string channel_;
  const absl::Duration call_timeout_;
  Gauge& head_gauge_;
  Gauge& lag_gauge_;
  Counter& lookups_;

  RoomMaker room_;
  AdmittedConnection follower_;
  postgres::AsyncConnection announcer_;
  Signal look_signal_;  // While not connected.
  Signal announce_signal_;
  bool stopping_ = false;

  Head state_;
  std::uint64_t history_number_ = 0;  // The history that `state_` is of.
  std::int64_t settled_value_ = -1;   // last_value with nothing left in flight.
  bool is_settled_ = true;            // Nothing was in flight when we looked.
  std::vector<Waiter> waiters_;       // For the next look.
  bool look_wanted_ = true;
  bool announce_wanted_ = false;
  absl::Duration poll_ = absl::ZeroDuration();

  mutable absl::Mutex mutex_;
  HeadAt published_ ABSL_GUARDED_BY(mutex_);
  std::int64_t interrupts_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_HEAD_H_
