#ifndef STELE_EVENTSTORE_SRC_POSTGRES_READER_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "postgres/head.h"
#include "postgres/history.h"
#include "postgres/io.h"
#include "postgres/names.h"
#include "postgres/statements.h"
#include "stele/eventstore/event_store.h"
#include "stele/postgres/async_connection.h"

namespace stele::postgres_store {

// A stream's row.
struct StreamRow {
  std::uint64_t run = 0;  // The server's run that the key is of.
  std::int64_t key = 0;   // 0 = no such stream.
  std::int64_t version = 0;
  std::int64_t first_position = 0;
  std::int64_t last_position = 0;
  bool is_tombstoned = false;
};

// Some events, and how far they reach.
struct Page {
  std::vector<RecordedEvent> events;
  // Log: position up to which everything was looked at.
  std::int64_t reached = 0;
};

// Reads over a few connections, page by page, each page bounded in bytes and,
// with the wait for a connection, in time. A page comes from one session, with
// the names that go with it; if the connection broke under it, it is read once
// more.
//
// Used on the IoThread only.
class Reader {
 public:
  Reader(IoThread& thread, const Statements& statements, History& history,
         postgres::ConnectOptions connect, int connections,
         absl::Duration call_timeout);

  void Stop();

  boost::asio::awaitable<absl::StatusOr<StreamRow>> FindStream(
      const std::string& stream_id);

  // At most `limit` events of the stream with versions from `from` to its end
  // or, backwards, to its beginning. kUnavailable if the server has been
  // restarted since `row` was found.
  boost::asio::awaitable<absl::StatusOr<Page>> ReadStream(
      const std::string& stream_id, const StreamRow& row, Direction direction,
      std::int64_t from, std::int64_t limit);

  // At most `limit` events after `after` and up to `head` that pass. kDataLoss
  // if the head's history is not that of the server.
  boost::asio::awaitable<absl::StatusOr<Page>> ReadLog(
      const ReadLogRequest& filter, std::int64_t after, HeadAt head,
      std::int64_t limit);

  // The run of the server that a new session leads to now.
  boost::asio::awaitable<absl::StatusOr<ServerRunPtr>> CurrentRun();

  // Any other statement of one small answer. `run`, unless null, becomes the
  // number of the server's run that answered.
  boost::asio::awaitable<absl::StatusOr<postgres::Result>> Query(
      std::string_view doing, const postgres::Statement& statement,
      const postgres::Params& params, std::uint64_t* run = nullptr);

 private:
  // An event whose names are still numbers.
  struct RawEvent {
    RecordedEvent event;
    std::int64_t stream_key = 0;
    std::int32_t type_id = 0;
  };

  class Lease;

  boost::asio::awaitable<absl::StatusOr<Lease>> Checkout(absl::Time deadline);
  // Attaches `lease` if it is not.
  boost::asio::awaitable<absl::Status> Prepare(const Lease& lease,
                                               absl::Time deadline);
  void Return(std::size_t connection);

  // One try each, on a session that is attached.
  boost::asio::awaitable<absl::StatusOr<Page>> ReadStreamOn(
      AdmittedConnection& session, const std::string& stream_id,
      const StreamRow& row, Direction direction, const postgres::Params& params,
      absl::Time deadline);
  boost::asio::awaitable<absl::StatusOr<Page>> ReadLogOn(
      AdmittedConnection& session, const ReadLogRequest& filter,
      std::int64_t after, std::int64_t head, std::int64_t limit,
      absl::Time deadline);
  boost::asio::awaitable<absl::Status> FetchRows(
      AdmittedConnection& session, std::string_view doing,
      const postgres::Statement& statement, const postgres::Params& params,
      absl::Time deadline, std::vector<RawEvent>& rows, bool& was_cut);
  boost::asio::awaitable<absl::StatusOr<std::vector<RecordedEvent>>> Translate(
      AdmittedConnection& session, absl::Time deadline,
      std::vector<RawEvent> rows, const std::string* stream_id);
  // Puts the names of `ids` into `names`: what is known, and what `statement`
  // says of the rest.
  template <typename Id>
  boost::asio::awaitable<absl::Status> FindNames(
      AdmittedConnection& session, std::string_view doing,
      const postgres::Statement& statement, absl::Time deadline,
      Names<Id>& known, absl::flat_hash_map<Id, std::string>& names);
  // The numbers of those names that exist.
  boost::asio::awaitable<absl::StatusOr<std::vector<std::int32_t>>> Resolve(
      AdmittedConnection& session, const std::vector<std::string>& wanted,
      const postgres::Statement& statement, absl::Time deadline,
      Names<std::int32_t>& known);
  std::int64_t RowsPerPage() const;

  IoThread& thread_;
  const Statements& statements_;
  const absl::Duration call_timeout_;
  std::vector<std::unique_ptr<AdmittedConnection>> connections_;
  std::vector<std::size_t> free_;
  Signal freed_;
  bool stopping_ = false;
  // Running mean, so that a page of `kPageBytesMax` is asked for and no more.
  double mean_event_bytes_ = 1024;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_READER_H_
