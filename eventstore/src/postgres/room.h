#ifndef STELE_EVENTSTORE_SRC_POSTGRES_ROOM_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_ROOM_H_

#include <boost/asio/awaitable.hpp>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "postgres/io.h"
#include "postgres/statements.h"
#include "stele/postgres/async_connection.h"

namespace stele::postgres_store {

// Makes partitions of the log ahead of need, on a connection that it opens for
// that. Other work on the table may keep it waiting; nobody waits for it. While
// it fails it warns and tries again, less and less often.
//
// Used on the IoThread only.
class RoomMaker {
 public:
  RoomMaker(IoThread& thread, const Statements& statements,
            postgres::ConnectOptions connect, absl::Duration call_timeout);

  void Start();
  void Stop();

  // The log is running short of room. Does not wait.
  void Want();

 private:
  boost::asio::awaitable<void> Run();
  boost::asio::awaitable<absl::Status> MakeRoom();

  IoThread& thread_;
  const Statements& statements_;
  const absl::Duration call_timeout_;
  postgres::AsyncConnection connection_;
  Signal signal_;
  bool is_wanted_ = false;
  bool is_idle_ = false;  // Else it will see by itself that it is wanted.
  bool stopping_ = false;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_ROOM_H_
