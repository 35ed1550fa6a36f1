#ifndef STELE_EVENTSTORE_SRC_POSTGRES_HISTORY_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_HISTORY_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "postgres_names.h"
#include "postgres_placed_event.h"
#include "postgres_statements.h"
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
// whether the last event that was seen committed is still in its log. If that
// is gone, the log went back; so the epoch is changed, for all to know. A
// restart or a failover that lost nothing changes nothing but the run.
//
// Thread-safe, but for Admit(), which is for the IoThread.
class History {
 public:
  // `epoch` is that of the store as it was opened.
  History(const Statements& statements, Uuid epoch, absl::Duration timeout);

  Uuid epoch() const;
  // How often the history has changed in this process.
  std::uint64_t number() const;
  // The run that was admitted last; null before the first.
  ServerRunPtr current() const;

  // An event of `history` is committed.
  void Saw(const PlacedEvent& witness, std::uint64_t history);

  // Finds out where the session leads to. Errors leave it unfit for use.
  //   kUnavailable  a standby, or a server that is still being restored.
  boost::asio::awaitable<absl::StatusOr<ServerRunPtr>> Admit(
      postgres::AsyncConnection& connection, absl::Duration timeout);

 private:
  // What a session shows.
  struct Shown {
    std::string identity;
    Uuid epoch;
    bool has_witness = false;
    std::int64_t last_position = 0;
  };

  boost::asio::awaitable<absl::StatusOr<Shown>> Ask(
      postgres::AsyncConnection& connection,
      const std::optional<PlacedEvent>& witness, absl::Duration timeout);
  boost::asio::awaitable<absl::StatusOr<Uuid>> ChangeEpoch(
      postgres::AsyncConnection& connection, const Uuid& from,
      absl::Duration timeout);
  void Accept(const Shown& shown, const std::optional<PlacedEvent>& lost);
  ServerRunPtr Enter(const Shown& shown);

  const Statements& statements_;
  const absl::Duration timeout_;

  mutable absl::Mutex mutex_;
  Uuid epoch_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t runs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<PlacedEvent> witness_
      ABSL_GUARDED_BY(mutex_);  // The last event.
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
