#include <algorithm>
#include <pqxx/transaction_base>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "postgres/store.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/errors.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/session.h"
#include "validate.h"

namespace stele::postgres_store {
namespace {

// How long a store that closes waits for the appends that are under way.
constexpr absl::Duration kFarewell = absl::Seconds(2);

// Marks that this thread runs a transaction of `store`, while it lives.
class InTransaction {
 public:
  explicit InTransaction(const EventStore& store)
      : store_(store), outer_(std::exchange(innermost, this)) {}
  ~InTransaction() { innermost = outer_; }
  InTransaction(const InTransaction&) = delete;
  InTransaction& operator=(const InTransaction&) = delete;

  static bool Of(const EventStore& store) {
    const InTransaction* mark = innermost;
    while (mark != nullptr && &mark->store_ != &store) mark = mark->outer_;
    return mark != nullptr;
  }

 private:
  static thread_local const InTransaction* innermost;
  const EventStore& store_;
  const InTransaction* const outer_;
};

thread_local const InTransaction* InTransaction::innermost = nullptr;

AppenderOptions AppendOptions(const PostgresEventStoreOptions& options) {
  return {.connect = HotConnect(options),
          .connections = options.append_connections,
          .group_appends_max = options.group_appends_max,
          .waiting_appends_max = options.waiting_appends_max,
          .call_timeout = options.call_timeout};
}

Metrics& MetricsOf(const PostgresEventStoreOptions& options) {
  return options.metrics == nullptr ? NoMetrics() : *options.metrics;
}

absl::Status InTransactionError() {
  return absl::FailedPreconditionError(
      "the work of a transaction may not change the store but through it, nor "
      "begin another transaction of it");
}

// Guarded once for a page, not once for an event.
absl::Status VisitAll(std::span<RecordedEvent> events,
                      absl::FunctionRef<absl::Status(RecordedEvent)> visit) {
  return InvokeUser("the visitor", [&]() -> absl::Status {
    for (RecordedEvent& event : events) {
      STELE_RETURN_IF_ERROR(visit(std::move(event)));
    }
    return absl::OkStatus();
  });
}

}  // namespace

PostgresEventStore::PostgresEventStore(
    PostgresEventStoreOptions options, std::unique_ptr<postgres::Pool> pool,
    std::unique_ptr<postgres::Pool> admin_pool, Uuid epoch)
    : options_(std::move(options)),
      statements_(options_.schema),
      history_(statements_, epoch, options_.call_timeout),
      pool_(std::move(pool)),
      admin_pool_(std::move(admin_pool)),
      head_(thread_, statements_, history_, HotConnect(options_),
            absl::StrCat("stele_head_", options_.schema), options_.call_timeout,
            MetricsOf(options_)),
      appender_(thread_, statements_, history_, head_, AppendOptions(options_),
                MetricsOf(options_)),
      reader_(thread_, statements_, history_, HotConnect(options_),
              options_.read_connections, options_.call_timeout),
      host_{options_.schema, statements_,
            [this](AppendBatch& batch, const ServerRunPtr& run) {
              // Nearly always there is nothing to ask for.
              if (batch.Resolve(run->names).empty()) return absl::OkStatus();
              return thread_.Block(appender_.interner().Resolve(batch, run));
            }},
      consumers_(*admin_pool_, host_) {
  thread_.Post([this] {
    head_.Start();
    appender_.Start();
  });
}

PostgresEventStore::~PostgresEventStore() {
  thread_.Post([this] {
    appender_.Stop();
    head_.Stop();
    reader_.Stop();
  });
  thread_.Join(kFarewell, [this] { appender_.GiveUp(); });
}

absl::StatusOr<std::vector<AppendResult>> PostgresEventStore::AppendAll(
    std::span<const AppendRequest> requests) {
  STELE_RETURN_IF_ERROR(ValidateAppend(requests));
  if (InTransaction::Of(*this)) return InTransactionError();
  UnitResult outcome;
  absl::Notification done;
  thread_.Post([&] {
    appender_.Append(requests, [&](UnitResult result) {
      outcome = std::move(result);
      done.Notify();
    });
  });
  done.WaitForNotification();
  return outcome;
}

absl::Status PostgresEventStore::ReadStream(
    const ReadStreamRequest& request,
    absl::FunctionRef<absl::Status(RecordedEvent)> visit) {
  STELE_RETURN_IF_ERROR(ValidateReadStream(request));
  STELE_ASSIGN_OR_RETURN(const StreamRow row,
                         thread_.Block(reader_.FindStream(request.stream_id)));
  if (row.is_tombstoned) {
    return absl::NotFoundError(
        absl::StrCat("stream ", Quoted(request.stream_id), " is tombstoned"));
  }
  const bool is_forwards = request.direction == Direction::kForwards;
  std::int64_t next =
      is_forwards
          ? std::max<std::int64_t>(request.from_version.value_or(1), 1)
          : std::min(request.from_version.value_or(row.version), row.version);
  std::int64_t left = request.limit;
  while (left > 0 && next >= 1 && next <= row.version) {
    STELE_ASSIGN_OR_RETURN(
        Page page, thread_.Block(reader_.ReadStream(
                       request.stream_id, row, request.direction, next, left)));
    if (page.events.empty()) {
      return absl::DataLossError(
          absl::StrCat("stream ", Quoted(request.stream_id), " has no version ",
                       next, ", although it is at version ", row.version));
    }
    left -= static_cast<std::int64_t>(page.events.size());
    const std::int64_t step = is_forwards ? 1 : -1;
    const auto has_gap = [&next, step](const RecordedEvent& event) {
      return event.version != std::exchange(next, next + step);
    };
    const auto gap =
        std::find_if(page.events.begin(), page.events.end(), has_gap);
    STELE_RETURN_IF_ERROR(VisitAll({page.events.begin(), gap}, visit));
    if (gap != page.events.end()) {
      return absl::DataLossError(absl::StrCat("stream ",
                                              Quoted(request.stream_id),
                                              " has no version ", next - step));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<LogProgress> PostgresEventStore::ReadLog(
    const ReadLogRequest& request,
    absl::FunctionRef<absl::Status(RecordedEvent)> visit) {
  STELE_RETURN_IF_ERROR(ValidateReadLog(request));
  std::int64_t position = request.after_position;
  const std::int64_t end = EndOfRead(position, request.positions_max);
  std::int64_t left = request.limit;
  // What was seen last may be long ago: only a head that was looked up during
  // this call proves that there is nothing more.
  const std::uint64_t history = history_.number();
  HeadAt head = head_.head();
  bool is_fresh = false;
  while (true) {
    if (!is_fresh && (position >= head.position || head.history != history)) {
      STELE_ASSIGN_OR_RETURN(head, thread_.Block(head_.Refresh()));
      is_fresh = true;
    }
    if (head.history != history) return HistoryLostError();
    if (position > head.position) {
      STELE_RETURN_IF_ERROR(CheckReached(position));
    }
    if (position >= head.position) return LogProgress{position, true};
    if (left <= 0 || position >= end) return LogProgress{position, false};
    const HeadAt until{std::min(head.position, end), head.history};
    STELE_ASSIGN_OR_RETURN(Page page, thread_.Block(reader_.ReadLog(
                                          request, position, until, left)));
    left -= static_cast<std::int64_t>(page.events.size());
    position = page.reached;
    STELE_RETURN_IF_ERROR(VisitAll(page.events, visit));
  }
}

// The head alone does not tell: that of another process may be ahead of ours.
absl::Status PostgresEventStore::CheckReached(std::int64_t position) {
  STELE_ASSIGN_OR_RETURN(const postgres::Result last,
                         Query("looking for the end of the log",
                               statements_.last_event, postgres::Params()));
  return ValidateReached(position, last.rows() == 0 ? 0 : last.GetInt8(0, 0));
}

absl::StatusOr<std::int64_t> PostgresEventStore::Head() {
  STELE_ASSIGN_OR_RETURN(const HeadAt head, thread_.Block(head_.Refresh()));
  return head.position;
}

absl::StatusOr<std::int64_t> PostgresEventStore::WaitForHead(
    std::int64_t position, absl::Time deadline) {
  return head_.WaitFor(position, deadline);
}

absl::StatusOr<StreamInfo> PostgresEventStore::GetStream(
    const std::string& stream_id) {
  STELE_RETURN_IF_ERROR(ValidateStreamId(stream_id));
  STELE_ASSIGN_OR_RETURN(const StreamRow row,
                         thread_.Block(reader_.FindStream(stream_id)));
  return StreamInfo{row.version, row.last_position, row.is_tombstoned};
}

absl::StatusOr<std::optional<AppendResult>> PostgresEventStore::FindCommand(
    const std::string& stream_id, const Uuid& command_id) {
  STELE_RETURN_IF_ERROR(ValidateStreamId(stream_id));
  STELE_ASSIGN_OR_RETURN(
      const postgres::Result found,
      Query("finding a command", statements_.find_command,
            postgres::Params().Text(stream_id).Uuid(command_id)));
  std::optional<AppendResult> result;
  if (found.rows() > 0) {
    result = {found.GetInt8(0, 0), found.GetInt8(0, 1), found.GetInt8(0, 2),
              true};
  }
  return result;
}

absl::Status PostgresEventStore::Tombstone(const std::string& stream_id,
                                           ExpectedVersion expected_version) {
  STELE_RETURN_IF_ERROR(ValidateTombstone(stream_id, expected_version));
  if (InTransaction::Of(*this)) return InTransactionError();
  const postgres::Statement tombstone = {
      "stele_tombstone",
      absl::StrCat("SELECT verdict::integer, version FROM ",
                   postgres::QuoteIdentifier(options_.schema),
                   ".tombstone($1, $2)"),
      {postgres::Type::kText, postgres::Type::kInt8}};
  constexpr std::string_view kDoing = "tombstoning a stream";
  return pool_->Transact(
      kDoing, [&](pqxx::transaction_base& tx) -> absl::Status {
        auto& session = static_cast<postgres::Session&>(tx.conn());
        STELE_RETURN_IF_ERROR(RunOf(session).status());
        STELE_ASSIGN_OR_RETURN(
            const postgres::Result result,
            session.Execute(kDoing, tombstone,
                            postgres::Params().Text(stream_id).Int8(
                                expected_version.raw())));
        switch (result.GetInt4(0, 0)) {
          case 0:
            return absl::OkStatus();
          case 1:
            return VersionConflictError(
                {stream_id, expected_version.ToString(), result.GetInt8(0, 1)});
          default:
            return absl::NotFoundError(
                absl::StrCat("there is no stream ", Quoted(stream_id)));
        }
      });
}

absl::StatusOr<std::optional<Snapshot>> PostgresEventStore::LoadSnapshot(
    const std::string& stream_id) {
  STELE_RETURN_IF_ERROR(ValidateStreamId(stream_id));
  STELE_ASSIGN_OR_RETURN(const postgres::Result found,
                         Query("loading a snapshot", statements_.load_snapshot,
                               postgres::Params().Text(stream_id)));
  std::optional<Snapshot> snapshot;
  if (found.rows() > 0) {
    snapshot = {stream_id, found.GetInt8(0, 0),
                std::string(found.GetBytes(0, 1)),
                std::string(found.GetBytes(0, 2))};
  }
  return snapshot;
}

absl::Status PostgresEventStore::SaveSnapshot(const Snapshot& snapshot) {
  STELE_RETURN_IF_ERROR(ValidateSnapshot(snapshot));
  STELE_ASSIGN_OR_RETURN(const postgres::Result found,
                         Query("saving a snapshot", statements_.save_snapshot,
                               postgres::Params()
                                   .Text(snapshot.stream_id)
                                   .Int8(snapshot.version)
                                   .Text(snapshot.fingerprint)
                                   .Bytea(snapshot.state)));
  return CheckSnapshot(snapshot, found.rows() == 0 ? 0 : found.GetInt8(0, 0));
}

// A new session is taken only if it leads where our own connections, which look
// closer, lead to as well.
absl::StatusOr<ServerRunPtr> PostgresEventStore::RunOf(
    postgres::Session& session) {
  constexpr std::string_view kDoing = "running a transaction";
  ServerRunPtr run = history_.current();
  if (run != nullptr && session.mark() == run->number) return run;
  const auto params = postgres::Params().Int8s({}).Uuids({});
  STELE_ASSIGN_OR_RETURN(const postgres::Result shown,
                         session.Execute(kDoing, statements_.history, params));
  const auto leads_to = [&](const ServerRun& where) {
    return shown.rows() == 1 && shown.GetBytes(0, 1) == where.identity &&
           shown.GetUuid(0, 2) == where.epoch;
  };
  if (run == nullptr || !leads_to(*run)) {
    STELE_ASSIGN_OR_RETURN(run, thread_.Block(reader_.CurrentRun()));
  }
  if (!leads_to(*run)) {
    // The session is good for nothing any more.
    STELE_RETURN_IF_ERROR(
        session.Execute(kDoing, statements_.end_session, postgres::Params()));
    return absl::UnavailableError(
        "running a transaction: the server was changed meanwhile");
  }
  // The transaction is the user's from its first statement on.
  STELE_RETURN_IF_ERROR(
      session.Execute(kDoing, statements_.begin_anew, postgres::Params()));
  session.set_mark(run->number);
  return run;
}

absl::Status PostgresEventStore::Transact(
    absl::FunctionRef<absl::Status(Transaction&)> work) {
  if (InTransaction::Of(*this)) return InTransactionError();
  std::optional<PostgresTransaction> transaction;
  const absl::Status status = pool_->Transact(
      "running a transaction", [&](pqxx::transaction_base& tx) -> absl::Status {
        STELE_ASSIGN_OR_RETURN(
            ServerRunPtr run,
            RunOf(static_cast<postgres::Session&>(tx.conn())));
        transaction.emplace(host_, tx, std::move(run));
        const InTransaction mark(*this);
        STELE_RETURN_IF_ERROR(postgres::InvokeUserSql(
            "the work of a transaction", "running a transaction",
            [&] { return work(*transaction); }));
        return transaction->failure();
      });
  STELE_RETURN_IF_ERROR(status);
  head_.OnCommitted(transaction->TakePlaced(), transaction->run().history);
  transaction->RunEffects();
  return absl::OkStatus();
}

}  // namespace stele::postgres_store
