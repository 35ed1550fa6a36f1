#include "postgres/reader.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"

namespace stele::postgres_store {
namespace {

namespace asio = boost::asio;
using postgres::Params;
using postgres::Result;

constexpr std::int64_t kPageBytesMax = 4 << 20;
constexpr std::int64_t kPageEventsMax = 2000;

// Positions that one statement looks through for events that pass a filter.
constexpr std::int64_t kFilteredPositionsMax = 200'000;

// The server's own time-out comes first.
constexpr absl::Duration kGrace = absl::Seconds(2);

}  // namespace

// A connection, until the lease goes.
class Reader::Lease {
 public:
  Lease(Reader& reader, std::size_t index) : reader_(&reader), index_(index) {}
  Lease(Lease&& other) noexcept
      : reader_(std::exchange(other.reader_, nullptr)), index_(other.index_) {}
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    if (reader_ != nullptr) reader_->Return(index_);
  }
  AdmittedConnection& session() const { return *reader_->connections_[index_]; }

 private:
  Reader* reader_;
  std::size_t index_;
};

Reader::Reader(IoThread& thread, const Statements& statements, History& history,
               postgres::ConnectOptions connect, int connections,
               absl::Duration call_timeout)
    : thread_(thread),
      statements_(statements),
      call_timeout_(call_timeout),
      freed_(thread.io()) {
  for (int i = 0; i < connections; ++i) {
    connections_.push_back(std::make_unique<AdmittedConnection>(
        thread.io(), thread.blocking(), history, connect));
    free_.push_back(static_cast<std::size_t>(i));
  }
}

void Reader::Stop() {
  stopping_ = true;
  freed_.Notify();
  for (const auto& connection : connections_) (*connection)->Close();
}

asio::awaitable<absl::StatusOr<Reader::Lease>> Reader::Checkout(
    absl::Time deadline) {
  while (free_.empty() && !stopping_) {
    if (absl::Now() >= deadline) {
      co_return absl::DeadlineExceededError(absl::StrCat(
          "reading: all ", connections_.size(), " connections stayed in use"));
    }
    co_await freed_.WaitFor(Until(deadline));
  }
  if (stopping_) co_return absl::CancelledError("the store is closing");
  const std::size_t index = free_.back();
  free_.pop_back();
  co_return Lease(*this, index);
}

asio::awaitable<absl::Status> Reader::Prepare(const Lease& lease,
                                              absl::Time deadline) {
  if (stopping_) co_return absl::CancelledError("the store is closing");
  co_return co_await lease.session().Attach(Until(deadline));
}

asio::awaitable<absl::StatusOr<ServerRunPtr>> Reader::CurrentRun() {
  const absl::Time deadline = absl::Now() + call_timeout_;
  const absl::StatusOr<Lease> lease = co_await Checkout(deadline);
  STELE_CO_RETURN_IF_ERROR(lease);
  lease->session()->Close();
  STELE_CO_RETURN_IF_ERROR(co_await Prepare(*lease, deadline));
  co_return lease->session().run();
}

void Reader::Return(std::size_t connection) {
  free_.push_back(connection);
  freed_.Notify();
}

asio::awaitable<absl::StatusOr<Result>> Reader::Query(
    std::string_view doing, const postgres::Statement& statement,
    const Params& params, std::uint64_t* run) {
  const absl::Time deadline = absl::Now() + call_timeout_;
  const absl::StatusOr<Lease> lease = co_await Checkout(deadline);
  STELE_CO_RETURN_IF_ERROR(lease);
  absl::StatusOr<Result> result;
  for (int tries = 0; tries < 2; ++tries) {
    STELE_CO_RETURN_IF_ERROR(co_await Prepare(*lease, deadline));
    if (run != nullptr) *run = lease->session().run()->number;
    result = co_await lease->session()->Execute(doing, statement, params,
                                                Until(deadline) + kGrace);
    if (!absl::IsUnavailable(result.status())) break;
  }
  co_return result;
}

asio::awaitable<absl::Status> Reader::FetchRows(
    AdmittedConnection& session, std::string_view doing,
    const postgres::Statement& statement, const Params& params,
    absl::Time deadline, std::vector<RawEvent>& rows, bool& was_cut) {
  std::int64_t bytes = 0;
  const auto take = [&](const Result& row) {
    // What does not fit is read again with the next page.
    was_cut = was_cut || bytes >= kPageBytesMax;
    if (was_cut) return;
    RawEvent raw;
    raw.event.position = row.GetInt8(0, 0);
    raw.stream_key = row.GetInt8(0, 1);
    raw.event.version = row.GetInt8(0, 2);
    raw.event.recorded_at = row.GetTimestamp(0, 3);
    raw.event.id = row.GetUuid(0, 4);
    raw.type_id = row.GetInt4(0, 5);
    raw.event.metadata = std::string(row.GetBytes(0, 6));
    raw.event.payload = std::string(row.GetBytes(0, 7));
    const std::size_t size =
        raw.event.metadata.size() + raw.event.payload.size() + 128;
    bytes += static_cast<std::int64_t>(size);
    mean_event_bytes_ += (static_cast<double>(size) - mean_event_bytes_) / 64;
    rows.push_back(std::move(raw));
  };
  co_return co_await session->ExecuteByRow(doing, statement, params,
                                           Until(deadline) + kGrace, take);
}

std::int64_t Reader::RowsPerPage() const {
  return std::clamp<std::int64_t>(
      static_cast<std::int64_t>(kPageBytesMax / mean_event_bytes_), 4,
      kPageEventsMax);
}

template <typename Id>
asio::awaitable<absl::Status> Reader::FindNames(
    AdmittedConnection& session, std::string_view doing,
    const postgres::Statement& statement, absl::Time deadline, Names<Id>& known,
    absl::flat_hash_map<Id, std::string>& names) {
  std::vector<Id> missing;
  for (auto& [id, name] : names) {
    std::optional<std::string> found = known.NameOf(id);
    if (found.has_value()) {
      name = *std::move(found);
    } else {
      missing.push_back(id);
    }
  }
  if (missing.empty()) co_return absl::OkStatus();
  Params params;
  if constexpr (std::is_same_v<Id, std::int32_t>) {
    params.Int4s(missing);
  } else {
    params.Int8s(missing);
  }
  auto result = co_await session->Execute(doing, statement, params,
                                          Until(deadline) + kGrace);
  STELE_CO_RETURN_IF_ERROR(result);
  for (int row = 0; row < result->rows(); ++row) {
    Id id;
    if constexpr (std::is_same_v<Id, std::int32_t>) {
      id = result->GetInt4(row, 0);
    } else {
      id = result->GetInt8(row, 0);
    }
    known.Add(id, result->GetBytes(row, 1));
    names[id] = std::string(result->GetBytes(row, 1));
  }
  co_return absl::OkStatus();
}

// `stream_id` null: of any stream.
asio::awaitable<absl::StatusOr<std::vector<RecordedEvent>>> Reader::Translate(
    AdmittedConnection& session, absl::Time deadline,
    std::vector<RawEvent> rows, const std::string* stream_id) {
  KnownNames& known = session.run()->names;
  absl::flat_hash_map<std::int32_t, std::string> types;
  absl::flat_hash_map<std::int64_t, std::string> streams;
  for (const RawEvent& raw : rows) {
    types.try_emplace(raw.type_id);
    streams.try_emplace(raw.stream_key, stream_id == nullptr ? "" : *stream_id);
  }
  STELE_CO_RETURN_IF_ERROR(co_await FindNames(session, "reading event types",
                                              statements_.type_names, deadline,
                                              known.types, types));
  if (stream_id == nullptr) {
    STELE_CO_RETURN_IF_ERROR(co_await FindNames(
        session, "reading stream names", statements_.stream_names, deadline,
        known.streams, streams));
  }
  std::vector<RecordedEvent> events;
  events.reserve(rows.size());
  for (RawEvent& raw : rows) {
    raw.event.type = types[raw.type_id];
    raw.event.stream_id = streams[raw.stream_key];
    if (raw.event.type.empty() || raw.event.stream_id.empty()) {
      co_return absl::DataLossError(absl::StrCat(
          "the event at position ", raw.event.position, " refers to ",
          raw.event.type.empty() ? "an event type" : "a stream",
          " that is not in the store"));
    }
    events.push_back(std::move(raw.event));
  }
  co_return events;
}

asio::awaitable<absl::StatusOr<StreamRow>> Reader::FindStream(
    const std::string& stream_id) {
  Params params;
  params.Text(stream_id);
  StreamRow row;
  auto result = co_await Query("finding a stream", statements_.find_stream,
                               params, &row.run);
  STELE_CO_RETURN_IF_ERROR(result);
  if (result->rows() > 0) {
    row = {row.run,
           result->GetInt8(0, 0),
           result->GetInt8(0, 1),
           result->GetInt8(0, 2),
           result->GetInt8(0, 3),
           result->GetBool(0, 4)};
  }
  co_return row;
}

asio::awaitable<absl::StatusOr<Page>> Reader::ReadStream(
    const std::string& stream_id, const StreamRow& row, Direction direction,
    std::int64_t from, std::int64_t limit) {
  const bool is_forwards = direction == Direction::kForwards;
  Params params;
  params.Int8(row.key)
      .Int8(is_forwards ? from : 1)
      .Int8(is_forwards ? row.version : from)
      .Int8(row.first_position)
      .Int8(row.last_position)
      .Int8(std::min(limit, RowsPerPage()));
  const absl::Time deadline = absl::Now() + call_timeout_;
  const absl::StatusOr<Lease> lease = co_await Checkout(deadline);
  STELE_CO_RETURN_IF_ERROR(lease);
  absl::StatusOr<Page> page;
  for (int tries = 0; tries < 2; ++tries) {
    STELE_CO_RETURN_IF_ERROR(co_await Prepare(*lease, deadline));
    page = co_await ReadStreamOn(lease->session(), stream_id, row, direction,
                                 params, deadline);
    if (!absl::IsUnavailable(page.status())) break;
  }
  co_return page;
}

asio::awaitable<absl::StatusOr<Page>> Reader::ReadStreamOn(
    AdmittedConnection& session, const std::string& stream_id,
    const StreamRow& row, Direction direction, const Params& params,
    absl::Time deadline) {
  if (session.run()->number != row.run) {
    co_return absl::UnavailableError(
        "reading a stream: the server was restarted meanwhile");
  }
  std::vector<RawEvent> rows;
  bool was_cut = false;
  STELE_CO_RETURN_IF_ERROR(co_await FetchRows(session, "reading a stream",
                                              direction == Direction::kForwards
                                                  ? statements_.read_forwards
                                                  : statements_.read_backwards,
                                              params, deadline, rows, was_cut));
  auto events =
      co_await Translate(session, deadline, std::move(rows), &stream_id);
  STELE_CO_RETURN_IF_ERROR(events);
  Page page;
  page.events = *std::move(events);
  co_return page;
}

asio::awaitable<absl::StatusOr<std::vector<std::int32_t>>> Reader::Resolve(
    AdmittedConnection& session, const std::vector<std::string>& wanted,
    const postgres::Statement& statement, absl::Time deadline,
    Names<std::int32_t>& known) {
  std::vector<std::int32_t> ids;
  std::vector<std::string_view> unknown;
  for (const std::string& name : wanted) {
    if (const auto id = known.IdOf(name)) {
      ids.push_back(*id);
    } else {
      unknown.push_back(name);
    }
  }
  if (!unknown.empty()) {
    Params params;
    params.Texts(unknown);
    auto result = co_await session->Execute("reading names", statement, params,
                                            Until(deadline) + kGrace);
    STELE_CO_RETURN_IF_ERROR(result);
    for (int row = 0; row < result->rows(); ++row) {
      known.Add(result->GetInt4(row, 0), result->GetBytes(row, 1));
      ids.push_back(result->GetInt4(row, 0));
    }
  }
  co_return ids;
}

asio::awaitable<absl::StatusOr<Page>> Reader::ReadLog(
    const ReadLogRequest& filter, std::int64_t after, HeadAt head,
    std::int64_t limit) {
  const absl::Time deadline = absl::Now() + call_timeout_;
  const absl::StatusOr<Lease> lease = co_await Checkout(deadline);
  STELE_CO_RETURN_IF_ERROR(lease);
  absl::StatusOr<Page> page;
  for (int tries = 0; tries < 2; ++tries) {
    STELE_CO_RETURN_IF_ERROR(co_await Prepare(*lease, deadline));
    if (lease->session().run()->history != head.history) {
      co_return HistoryLostError();
    }
    page = co_await ReadLogOn(lease->session(), filter, after, head.position,
                              limit, deadline);
    if (!absl::IsUnavailable(page.status())) break;
  }
  co_return page;
}

asio::awaitable<absl::StatusOr<Page>> Reader::ReadLogOn(
    AdmittedConnection& session, const ReadLogRequest& filter,
    std::int64_t after, std::int64_t head, std::int64_t limit,
    absl::Time deadline) {
  KnownNames& names = session.run()->names;
  const bool by_category = !filter.categories.empty();
  const bool by_type = !filter.types.empty();
  // A name that is not there after the head was read has no event up to it.
  auto categories =
      co_await Resolve(session, filter.categories, statements_.category_ids,
                       deadline, names.categories);
  STELE_CO_RETURN_IF_ERROR(categories);
  auto types = co_await Resolve(session, filter.types, statements_.type_ids,
                                deadline, names.types);
  STELE_CO_RETURN_IF_ERROR(types);
  Page page;
  page.reached = head;
  if ((by_category && categories->empty()) || (by_type && types->empty())) {
    co_return page;
  }
  if (by_category || by_type) {
    page.reached = std::min(head, after + kFilteredPositionsMax);
  }
  const std::int64_t most = std::min(limit, RowsPerPage());
  Params params;
  params.Int8(after).Int8(page.reached).Int8(most);
  if (by_category) params.Int4s(*categories);
  if (by_type) params.Int4s(*types);
  const postgres::Statement& statement =
      by_category
          ? (by_type ? statements_.read_log_both
                     : statements_.read_log_categories)
          : (by_type ? statements_.read_log_types : statements_.read_log);
  std::vector<RawEvent> rows;
  bool was_cut = false;
  STELE_CO_RETURN_IF_ERROR(co_await FetchRows(
      session, "reading the log", statement, params, deadline, rows, was_cut));
  if (was_cut || static_cast<std::int64_t>(rows.size()) == most) {
    page.reached = rows.back().event.position;
  }
  auto events = co_await Translate(session, deadline, std::move(rows), nullptr);
  STELE_CO_RETURN_IF_ERROR(events);
  page.events = *std::move(events);
  co_return page;
}

}  // namespace stele::postgres_store
