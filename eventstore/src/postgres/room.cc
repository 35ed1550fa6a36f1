#include "postgres/room.h"

#include <utility>

#include "stele/base/backoff.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele::postgres_store {
namespace {

namespace asio = boost::asio;

// Positions that must stay free of partitions' end; see extend_events().
constexpr std::int64_t kRoom = 15'000'000;

// Some work on the table, such as VACUUM or CREATE INDEX, takes long, and
// whoever waits for it stands in the way of the next.
postgres::ConnectOptions Impatient(postgres::ConnectOptions connect) {
  connect.lock_timeout = absl::Seconds(2);
  return connect;
}

}  // namespace

RoomMaker::RoomMaker(IoThread& thread, const Statements& statements,
                     postgres::ConnectOptions connect,
                     absl::Duration call_timeout)
    : thread_(thread),
      statements_(statements),
      call_timeout_(call_timeout),
      connection_(thread.io(), thread.blocking(),
                  Impatient(std::move(connect))),
      signal_(thread.io()) {}

void RoomMaker::Start() { thread_.Spawn(Run()); }

void RoomMaker::Stop() {
  stopping_ = true;
  signal_.Notify();
  connection_.Close();
}

void RoomMaker::Want() {
  is_wanted_ = true;
  if (is_idle_) signal_.Notify();
}

asio::awaitable<void> RoomMaker::Run() {
  Backoff backoff({absl::Seconds(1), absl::Minutes(1)});
  while (!stopping_) {
    if (!is_wanted_) {
      is_idle_ = true;
      co_await signal_.Wait();
      is_idle_ = false;
      continue;
    }
    is_wanted_ = false;
    const absl::Status status = co_await MakeRoom();
    connection_.Close();
    if (stopping_) break;
    if (status.ok()) {
      backoff.Reset();
      continue;
    }
    Log(LogLevel::kWarning,
        "cannot make room for events; there is some left, for now",
        {{"error", std::string(status.message())}});
    co_await signal_.WaitFor(backoff.Next());
  }
}

asio::awaitable<absl::Status> RoomMaker::MakeRoom() {
  STELE_CO_RETURN_IF_ERROR(co_await connection_.Connect());
  postgres::Params room;
  room.Int8(kRoom);
  auto extended = co_await connection_.Execute(
      "making room for events", statements_.extend_events, room, call_timeout_);
  co_return extended.status();
}

}  // namespace stele::postgres_store
