#include "stele/postgres/async_connection.h"

#include <libpq-fe.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "one_line.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "still_open.h"

namespace stele::postgres {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Steps of libpq's that may block, run on a thread where they may. The work is
// a named variable: GCC 12 destroys a temporary closure twice in co_await.

asio::awaitable<PostgresPollingStatusType> PollBlocking(
    asio::thread_pool& blocking, PGconn* session) {
  const auto work = [session]() -> asio::awaitable<PostgresPollingStatusType> {
    co_return PQconnectPoll(session);
  };
  auto polled = asio::co_spawn(blocking, work, asio::use_awaitable);
  co_return co_await std::move(polled);
}

asio::awaitable<PGconn*> StartBlocking(asio::thread_pool& blocking,
                                       std::string dsn) {
  const char* const text = dsn.c_str();
  const auto work = [text]() -> asio::awaitable<PGconn*> {
    co_return PQconnectStart(text);
  };
  auto started = asio::co_spawn(blocking, work, asio::use_awaitable);
  co_return co_await std::move(started);
}

std::string LastError(const PGconn* session) {
  const std::string text = OneLine(PQerrorMessage(session));
  return text.empty() ? "the server closed the connection" : text;
}

absl::Status Unreachable() {
  return absl::UnavailableError(
      "connecting to PostgreSQL: no answer in time; is the server up and the "
      "address right?");
}

// Drops warnings of the server, which would go to standard error.
void DropNotice(void*, const PGresult*) {}

}  // namespace

AsyncConnection::AsyncConnection(asio::io_context& io,
                                 asio::thread_pool& blocking,
                                 ConnectOptions options)
    : io_(io),
      blocking_(blocking),
      options_(std::move(options)),
      socket_(io),
      timer_(io),
      self_(std::make_shared<AsyncConnection*>(this)) {}

AsyncConnection::TimePoint AsyncConnection::In(absl::Duration timeout) {
  const absl::Duration bounded = std::min(timeout, absl::Hours(24 * 365));
  return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(bounded);
}

AsyncConnection::~AsyncConnection() {
  *self_ = nullptr;
  Close();
}

void AsyncConnection::Watch() {
  Unwatch();
  // What cannot be watched is not open, and counts as closed.
  boost::system::error_code not_watched;
  socket_.assign(PQsocket(session_), not_watched);
}

// The descriptor is libpq's to close: asio only watches it.
void AsyncConnection::Unwatch() {
  if (socket_.is_open()) socket_.release();
}

// Harmless if there is none: Close() may have come between a timer and its
// handler.
void AsyncConnection::EndWait() {
  boost::system::error_code nothing_to_end;
  socket_.cancel(nothing_to_end);
}

void AsyncConnection::Close() {
  if (is_connecting_) {
    // libpq may be at work on another thread; Connect() closes when it can.
    close_requested_ = true;
    EndWait();
    return;
  }
  Unwatch();
  if (session_ != nullptr) PQfinish(std::exchange(session_, nullptr));
  prepared_.clear();
}

int AsyncConnection::server_pid() const {
  return session_ == nullptr ? 0 : PQbackendPID(session_);
}

asio::awaitable<AsyncConnection::Ready> AsyncConnection::WaitSocket(
    Descriptor::wait_type type, TimePoint deadline) {
  if (!socket_.is_open()) co_return Ready::kClosed;
  const std::uint64_t number = ++wait_number_;
  bool overdue = false;
  timer_.expires_at(deadline);
  timer_.async_wait(
      [self = self_, number, &overdue](const boost::system::error_code& error) {
        // A timer that fired as its wait ended finds another number.
        if (error || *self == nullptr || (*self)->wait_number_ != number) {
          return;
        }
        overdue = true;
        (*self)->EndWait();
      });
  const auto [error] = co_await socket_.async_wait(type, kAwait);
  ++wait_number_;
  timer_.cancel();
  if (!error) co_return Ready::kYes;
  co_return overdue ? Ready::kTimeout : Ready::kClosed;
}

AsyncConnection::Work AsyncConnection::Connect(absl::Duration timeout) {
  if (session_ != nullptr) co_return absl::OkStatus();
  is_connecting_ = true;
  close_requested_ = false;
  const TimePoint deadline = In(std::min(timeout, options_.connect_timeout));
  absl::Status status = co_await StartConnecting(deadline);
  is_connecting_ = false;
  if (status.ok() && close_requested_) {
    status = absl::CancelledError("connecting: closed meanwhile");
  }
  if (!status.ok()) {
    Close();
    co_return status;
  }
  PQsetnonblocking(session_, 1);
  PQsetNoticeReceiver(session_, &DropNotice, nullptr);
  status = co_await Run("preparing a session", SessionSql(options_),
                        absl::FromChrono(deadline - TimePoint::clock::now()));
  outcome_unknown_ = false;
  if (status.ok()) co_return status;
  Close();
  if (absl::IsDeadlineExceeded(status)) co_return Unreachable();
  co_return status;
}

AsyncConnection::Work AsyncConnection::StartConnecting(TimePoint deadline) {
  auto dsn = FullDsn(options_);
  STELE_CO_RETURN_IF_ERROR(dsn);
  session_ = co_await StartBlocking(blocking_, *std::move(dsn));
  if (session_ == nullptr) {
    co_return absl::ResourceExhaustedError("connecting: out of memory");
  }
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (PQstatus(session_) != CONNECTION_BAD && !close_requested_) {
    if (next == PGRES_POLLING_OK) {
      Watch();
      co_return absl::OkStatus();
    }
    if (next == PGRES_POLLING_FAILED) break;
    // libpq may have gone on to another address, with another descriptor.
    Watch();
    const Ready ready = co_await WaitSocket(next == PGRES_POLLING_READING
                                                ? Descriptor::wait_read
                                                : Descriptor::wait_write,
                                            deadline);
    Unwatch();
    if (ready == Ready::kTimeout) {
      co_return Unreachable();
    }
    if (ready == Ready::kClosed) break;
    next = co_await PollBlocking(blocking_, session_);
  }
  if (close_requested_) co_return absl::CancelledError("connecting: closed");
  co_return absl::UnavailableError(
      absl::StrCat("connecting to PostgreSQL: ", LastError(session_)));
}

bool AsyncConnection::LooksAlive() {
  if (session_ == nullptr || is_connecting_) return false;
  if (IsStillOpen(session_)) return true;
  Close();
  return false;
}

absl::Status AsyncConnection::Lose(std::string_view doing) {
  const std::string why =
      session_ == nullptr ? "the connection was closed" : LastError(session_);
  Close();
  return absl::UnavailableError(absl::StrCat(ToAbsl(doing), ": ", why));
}

absl::Status AsyncConnection::Overdue(std::string_view doing) {
  Close();
  return absl::DeadlineExceededError(
      absl::StrCat(ToAbsl(doing), ": the server did not answer in time"));
}

asio::awaitable<absl::StatusOr<std::vector<Notification>>>
AsyncConnection::WaitForNotifications(absl::Duration timeout) {
  constexpr std::string_view kDoing = "waiting for notifications";
  std::vector<Notification> notifications;
  const auto take = [&] {
    while (PGnotify* const n = PQnotifies(session_)) {
      notifications.push_back({n->relname, n->extra, n->be_pid});
      PQfreemem(n);
    }
  };
  if (!LooksAlive()) co_return Lose(kDoing);
  take();
  if (!notifications.empty()) co_return notifications;
  is_idle_wait_ = true;
  const Ready ready = co_await WaitSocket(Descriptor::wait_read, In(timeout));
  is_idle_wait_ = false;
  if (session_ == nullptr) co_return absl::CancelledError("closed");
  if (ready == Ready::kYes && !LooksAlive()) co_return Lose(kDoing);
  take();
  co_return notifications;
}

void AsyncConnection::Wake() {
  // Only that wait: to cancel the one for an answer would lose the connection.
  if (is_idle_wait_) EndWait();
}

}  // namespace stele::postgres
