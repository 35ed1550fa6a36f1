#ifndef STELE_POSTGRES_ASYNC_CONNECTION_H_
#define STELE_POSTGRES_ASYNC_CONNECTION_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/postgres/connect_options.h"
#include "stele/postgres/statement.h"

struct pg_conn;  // libpq's PGconn.

namespace stele::postgres {

// A NOTIFY that came in.
struct Notification {
  std::string channel;
  std::string payload;
  int sender_pid = 0;
};

// One session with a server, driven by an io_context and never blocking it.
//
// A broken or overdue session is closed by itself; the next Connect() makes a
// new one, and statements are prepared again as they are met. Whether a failed
// call may have had an effect is told by outcome_unknown().
//
// Not thread-safe: used on the io_context's thread only, by one coroutine at a
// time, but for Close() and Wake(), which may interrupt the one that waits.
class AsyncConnection {
 public:
  using Work = boost::asio::awaitable<absl::Status>;

  // `io` must run on one thread. `blocking` is where libpq may resolve names,
  // which it does by blocking. Both must outlive the connection.
  AsyncConnection(boost::asio::io_context& io,
                  boost::asio::thread_pool& blocking, ConnectOptions options);
  ~AsyncConnection();
  AsyncConnection(const AsyncConnection&) = delete;
  AsyncConnection& operator=(const AsyncConnection&) = delete;

  // Connects, unless connected already, in at most `timeout` and at most the
  // options' connect_timeout. Resolving a name may take longer.
  //   kUnavailable       the server cannot be reached, refuses or is silent.
  //   kInvalidArgument   the connection string is malformed.
  Work Connect(absl::Duration timeout = absl::InfiniteDuration());

  // True iff connected, as far as can be told without asking the server: what
  // it sent meanwhile, such as its farewell, is taken in.
  bool LooksAlive();

  // Sends `statement` and waits for its rows, at most `timeout`. When that has
  // passed the session is closed, and a server that is alive finds that out
  // within a second or so and gives up the statement. `doing` names the work in
  // errors.
  //
  // Errors: those of StatusFromSqlstate(), kUnavailable when the connection
  // broke, kDeadlineExceeded, kCancelled after Close().
  boost::asio::awaitable<absl::StatusOr<Result>> Execute(
      std::string_view doing, const Statement& statement, const Params& params,
      absl::Duration timeout);

  // The same, handing over each row by itself as it comes in, so that memory
  // holds one at a time. `row` runs on the io_context's thread.
  Work ExecuteByRow(std::string_view doing, const Statement& statement,
                    const Params& params, absl::Duration timeout,
                    absl::FunctionRef<void(const Result&)> row);

  // Runs SQL text of one or more statements without parameters, ignoring rows.
  Work Run(std::string_view doing, std::string sql, absl::Duration timeout);

  // After a failed Execute(): true iff the statement went out and the session
  // broke before the server's answer, so that it may or may not have happened.
  bool outcome_unknown() const { return outcome_unknown_; }

  // Waits for notifications, for Wake(), or until `timeout` has passed, and
  // returns the notifications that came. An error means the session is gone.
  boost::asio::awaitable<absl::StatusOr<std::vector<Notification>>>
  WaitForNotifications(absl::Duration timeout);

  // Ends a WaitForNotifications() that is under way.
  void Wake();

  // Closes the session; what waits on it fails with kCancelled.
  void Close();

  // The server process of the session, 0 when there is none.
  int server_pid() const;

 private:
  enum class Ready { kYes, kTimeout, kClosed };
  using TimePoint = boost::asio::steady_timer::time_point;

  static TimePoint In(absl::Duration timeout);

  boost::asio::awaitable<Ready> WaitSocket(
      boost::asio::posix::stream_descriptor::wait_type type,
      TimePoint deadline);
  Work StartConnecting(TimePoint deadline);
  Work Prepare(std::string_view doing, const Statement& statement,
               TimePoint deadline);
  absl::Status Send(std::string_view doing, const Statement& statement,
                    const Params& params);
  Work Flush(std::string_view doing, TimePoint deadline);
  // Hands every result of the statement under way to `each`.
  Work Collect(std::string_view doing, TimePoint deadline,
               absl::FunctionRef<void(pg_result*)> each);
  Work Perform(std::string_view doing, const Statement& statement,
               const Params& params, absl::Duration timeout, bool by_row,
               absl::FunctionRef<void(pg_result*)> each);
  // Closes the session and says why; the answer is lost.
  absl::Status Lose(std::string_view doing);
  absl::Status Overdue(std::string_view doing);
  void Watch();
  void Unwatch();
  void EndWait();

  boost::asio::io_context& io_;
  boost::asio::thread_pool& blocking_;
  const ConnectOptions options_;
  pg_conn* session_ = nullptr;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer timer_;
  absl::flat_hash_set<std::string> prepared_;
  std::uint64_t wait_number_ = 0;  // Tells late timers from the current one.
  bool outcome_unknown_ = false;
  bool is_connecting_ = false;
  bool is_idle_wait_ = false;  // In WaitForNotifications().
  bool close_requested_ = false;
  // Outlived by handlers that are still queued when we are gone.
  std::shared_ptr<AsyncConnection*> self_;
};

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_ASYNC_CONNECTION_H_
