#ifndef STELE_EVENTSTORE_SRC_POSTGRES_APPEND_APPENDER_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_APPEND_APPENDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "postgres/append/batch.h"
#include "postgres/append/interner.h"
#include "postgres/append/queue.h"
#include "postgres/head.h"
#include "postgres/history.h"
#include "postgres/io.h"
#include "postgres/statements.h"
#include "stele/base/metrics.h"
#include "stele/postgres/async_connection.h"

namespace stele::postgres_store {

struct AppenderOptions {
  postgres::ConnectOptions connect;
  int connections = 2;
  int group_appends_max = 256;
  int waiting_appends_max = 100'000;
  absl::Duration call_timeout = absl::Seconds(30);
};

// Appends units over a few connections. While a connection is busy with one
// group, the next one gathers: many callers share a round trip and a commit,
// and a lone one waits for nobody. A stream is in one group at a time.
//
// A group leaves out the units that touch a stream which another session holds:
// a lane of their own tries them until they succeed or their time is over. So
// nobody else waits for them, however many they are. The same goes for units
// with a new name that another session is registering.
//
// Used on the IoThread only.
class Appender {
 public:
  using Done = std::function<void(UnitResult)>;

  Appender(IoThread& thread, const Statements& statements, History& history,
           HeadTracker& head, AppenderOptions options, Metrics& metrics);

  void Start();
  // Fails what waits with kCancelled; what is in flight is finished.
  void Stop();
  // After Stop(): gives up what is in flight; its outcome is in doubt.
  void GiveUp();

  // Appends `unit`, which must be valid and must live until `done` has been
  // called with the outcome, once, on the IoThread.
  void Append(AppendUnit unit, Done done);

  // The same for coroutines.
  boost::asio::awaitable<UnitResult> AsyncAppend(AppendUnit unit);

  // Gives names their numbers.
  Interner& interner() { return interner_; }

 private:
  using Waiting = AppendQueue::Waiting;
  using Group = AppendQueue::Group;
  using Wait = AppendBatch::Wait;

  struct Lane {
    Lane(IoThread& thread, History& history,
         const postgres::ConnectOptions& connect)
        : connection(thread.io(), thread.blocking(), history, connect),
          signal(thread.io()) {}
    AdmittedConnection connection;
    Signal signal;
    bool is_idle = false;
  };

  boost::asio::awaitable<void> Run(Lane& lane);
  // Tries what is parked.
  boost::asio::awaitable<void> RunParked();
  // Fails each append whose time is over while it waits.
  boost::asio::awaitable<void> DropOverdue();
  void FailOverdue();
  // The outcome of each unit.
  boost::asio::awaitable<std::vector<UnitOutcome>> RunGroup(Lane& lane,
                                                            Group& group,
                                                            Wait wait);
  boost::asio::awaitable<std::vector<UnitOutcome>> WriteAll(
      Lane& lane, std::vector<AppendUnit> units, Wait wait,
      absl::Time deadline);
  boost::asio::awaitable<std::vector<UnitOutcome>> Write(
      Lane& lane, std::vector<AppendUnit> units, Wait wait,
      absl::Time deadline);
  boost::asio::awaitable<absl::StatusOr<std::vector<UnitOutcome>>> WriteOnce(
      Lane& lane, AppendBatch& batch, Wait wait, absl::Time deadline,
      bool& in_doubt, bool& names_are_busy);
  void Settle(Group& group, std::vector<UnitOutcome> outcomes);
  void Finish(const Waiting& waiting, UnitResult result);
  void ShowWaiting();
  void WakeIdle();

  IoThread& thread_;
  const Statements& statements_;
  HeadTracker& head_;
  const AppenderOptions options_;
  Histogram& seconds_;
  Histogram& group_size_;
  Counter& events_;
  Counter& conflicts_;
  Counter& in_doubt_;
  Gauge& waiting_gauge_;
  Gauge& parked_gauge_;

  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<Lane> parked_lane_;  // Connects when there is something.
  Interner interner_;
  AppendQueue queue_;
  Signal stopped_;
  bool stopping_ = false;
  bool given_up_ = false;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_APPEND_APPENDER_H_
