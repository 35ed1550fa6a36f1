#ifndef STELE_EVENTSTORE_SRC_POSTGRES_HISTORY_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_HISTORY_H_

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "postgres/names.h"
#include "postgres/placed_event.h"
#include "postgres/statements.h"
#include "stele/base/uuid.h"
#include "stele/postgres/async_connection.h"

namespace stele::postgres_store {

// One run of one server with one history. What is learnt from a session holds
// for the sessions of the same run, and for no other: a server that was
// restored, or took over without the last commits, gives numbers out again.
struct ServerRun {
  std::string identity;  // Of the run; compared, never read.
  Uuid epoch;
  std::uint64_t history = 0;  // See History::number().
  std::uint64_t number = 0;   // Of the run, in this process; > 0.
  KnownNames names;
};
using ServerRunPtr = std::shared_ptr<ServerRun>;

// kDataLoss: events that were there are there no longer.
absl::Status HistoryLostError();

// Knows which history the store of this process tells, and notices when a
// server tells another one.
//
// Every session is admitted before it is used. It shows the store's epoch and
// whether the witnesses are still in its log: events that were seen committed.
// If one is gone, the log went back; so the epoch is changed, for all to know.
// A restart or a failover that lost nothing changes nothing but the run.
//
// Commits come in any order, so the event with the greatest position does not
// speak for the others: one before it may have been committed after it, and
// lost without it. So there are kWitnessesMax witnesses, those seen last.
//
// Thread-safe, but for Admit(), which is for the IoThread.
class History {
 public:
  static constexpr std::size_t kWitnessesMax = 10'000;

  // `epoch` is that of the store as it was opened.
  History(const Statements& statements, Uuid epoch, absl::Duration timeout);

  Uuid epoch() const;
  // How often the history has changed in this process.
  std::uint64_t number() const;
  // The run that was admitted last; null before the first.
  ServerRunPtr current() const;

  // `events` of `history` are committed.
  void Saw(std::span<const PlacedEvent> events, std::uint64_t history);

  // Finds out where the session leads to. Errors leave it unfit for use.
  //   kUnavailable  a standby, or a server that is still being restored.
  boost::asio::awaitable<absl::StatusOr<ServerRunPtr>> Admit(
      postgres::AsyncConnection& connection, absl::Duration timeout);

 private:
  // What a session shows.
  struct Shown {
    std::string identity;
    Uuid epoch;
    std::optional<std::int64_t> missing;  // Position of a witness.
    std::int64_t last_position = 0;
  };

  boost::asio::awaitable<absl::StatusOr<Shown>> Ask(
      postgres::AsyncConnection& connection,
      const std::vector<PlacedEvent>& witnesses, absl::Duration timeout);
  boost::asio::awaitable<absl::StatusOr<Uuid>> ChangeEpoch(
      postgres::AsyncConnection& connection, const Uuid& from,
      absl::Duration timeout);
  void Accept(const Shown& shown);
  ServerRunPtr Enter(const Shown& shown);

  const Statements& statements_;
  const absl::Duration timeout_;

  mutable absl::Mutex mutex_;
  Uuid epoch_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t runs_ ABSL_GUARDED_BY(mutex_) = 0;
  // In the order in which they were seen, at most kWitnessesMax.
  std::deque<PlacedEvent> witnesses_ ABSL_GUARDED_BY(mutex_);
  // The one with the greatest position, however long ago.
  PlacedEvent greatest_ ABSL_GUARDED_BY(mutex_);
  ServerRunPtr current_ ABSL_GUARDED_BY(mutex_);
};

// A connection that is admitted before it is used.
//
// Used on the IoThread only.
class AdmittedConnection {
 public:
  AdmittedConnection(boost::asio::io_context& io,
                     boost::asio::thread_pool& blocking, History& history,
                     postgres::ConnectOptions connect)
      : connection_(io, blocking, std::move(connect)), history_(history) {}

  // True iff Attach() would have nothing to do.
  bool IsAttached();
  // Sees to it that it is connected to the run admitted last. `timeout` is for
  // each of the two steps; they may also take less time only.
  boost::asio::awaitable<absl::Status> Attach(
      absl::Duration timeout = absl::InfiniteDuration());

  postgres::AsyncConnection& operator*() { return connection_; }
  postgres::AsyncConnection* operator->() { return &connection_; }
  // REQUIRES: Attach() returned OK.
  const ServerRunPtr& run() const { return run_; }

 private:
  postgres::AsyncConnection connection_;
  History& history_;
  ServerRunPtr run_;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_HISTORY_H_
