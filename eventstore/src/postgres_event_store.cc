#include "stele/eventstore/postgres_event_store.h"

#include <pqxx/transaction_base>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "postgres_appender.h"
#include "postgres_consumer_storage.h"
#include "postgres_head.h"
#include "postgres_io.h"
#include "postgres_names.h"
#include "postgres_reader.h"
#include "postgres_statements.h"
#include "postgres_transaction.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/connect_options.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/migrator.h"
#include "stele/postgres/pool.h"
#include "stele/postgres/session.h"
#include "validate.h"

namespace stele {
namespace {

namespace asio = boost::asio;
using namespace postgres_store;  // NOLINT: the parts of this very store.

// What the owner of a store forgot to finish must not hold the head for ever.
constexpr absl::Duration kIdleInTransactionMax = absl::Minutes(1);

// The store whose transaction this thread is running, if any.
thread_local const void* store_in_transaction = nullptr;

absl::Status CheckRange(const char* name, std::int64_t value,
                        std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, "; use ", least, " to ", most));
}

absl::Status Validate(const PostgresEventStoreOptions& options) {
  STELE_RETURN_IF_ERROR(postgres::ValidateDsn(options.dsn));
  STELE_RETURN_IF_ERROR(postgres::ValidateSchemaName(options.schema));
  STELE_RETURN_IF_ERROR(
      CheckRange("append_connections", options.append_connections, 1, 64));
  STELE_RETURN_IF_ERROR(
      CheckRange("read_connections", options.read_connections, 1, 64));
  STELE_RETURN_IF_ERROR(
      CheckRange("sql_connections", options.sql_connections, 1, 256));
  STELE_RETURN_IF_ERROR(
      CheckRange("group_appends_max", options.group_appends_max, 1, 1000));
  STELE_RETURN_IF_ERROR(CheckRange("waiting_appends_max",
                                   options.waiting_appends_max, 1, 10'000'000));
  if (options.call_timeout < absl::Milliseconds(10) ||
      options.call_timeout > absl::Hours(1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "call_timeout is ", absl::FormatDuration(options.call_timeout),
        "; use 10ms to 1h"));
  }
  return absl::OkStatus();
}

postgres::ConnectOptions HotConnect(const PostgresEventStoreOptions& options) {
  postgres::ConnectOptions connect;
  connect.dsn = options.dsn;
  connect.application_name = options.application_name;
  connect.statement_timeout = options.call_timeout;
  connect.idle_in_transaction_timeout = kIdleInTransactionMax;
  connect.session_sql = kSteadyPlans;
  return connect;
}

postgres::PoolOptions SqlPool(const PostgresEventStoreOptions& options) {
  postgres::PoolOptions pool;
  pool.connect.dsn = options.dsn;
  pool.connect.application_name = options.application_name;
  pool.connect.idle_in_transaction_timeout = kIdleInTransactionMax;
  pool.connections_max = options.sql_connections;
  pool.checkout_timeout = options.call_timeout;
  return pool;
}

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
      "the work of a transaction may not change the store but through it");
}

class PostgresEventStore final : public EventStore {
 public:
  PostgresEventStore(PostgresEventStoreOptions options,
                     std::unique_ptr<postgres::Pool> pool, Uuid epoch);
  ~PostgresEventStore() override;

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) override;
  absl::Status ReadStream(
      const ReadStreamRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override;
  absl::StatusOr<LogProgress> ReadLog(
      const ReadLogRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) override;
  absl::StatusOr<std::int64_t> Head() override;
  absl::StatusOr<std::int64_t> WaitForHead(std::int64_t position,
                                           absl::Time deadline) override;
  void Interrupt() override { head_.Interrupt(); }
  absl::StatusOr<StreamInfo> GetStream(const std::string& stream_id) override;
  absl::StatusOr<std::optional<AppendResult>> FindCommand(
      const std::string& stream_id, const Uuid& command_id) override;
  absl::Status Tombstone(const std::string& stream_id,
                         ExpectedVersion expected_version) override;
  absl::StatusOr<std::optional<Snapshot>> LoadSnapshot(
      const std::string& stream_id) override;
  absl::Status SaveSnapshot(const Snapshot& snapshot) override;
  absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) override;
  ConsumerStorage& consumers() override { return consumers_; }
  absl::StatusOr<Uuid> Epoch() override { return epoch_; }

 private:
  absl::StatusOr<postgres::Result> Query(std::string_view doing,
                                         const postgres::Statement& statement,
                                         const postgres::Params& params) {
    return thread_.Block(reader_.Query(doing, statement, params));
  }

  const PostgresEventStoreOptions options_;
  const Uuid epoch_;
  const Statements statements_;
  KnownNames names_;
  std::unique_ptr<postgres::Pool> pool_;
  // Its thread ends before what its coroutines use goes: see the destructor.
  IoThread thread_;
  HeadTracker head_;
  Appender appender_;
  Reader reader_;
  const TransactionHost host_;
  PostgresConsumerStorage consumers_;
};

PostgresEventStore::PostgresEventStore(PostgresEventStoreOptions options,
                                       std::unique_ptr<postgres::Pool> pool,
                                       Uuid epoch)
    : options_(std::move(options)),
      epoch_(epoch),
      statements_(options_.schema),
      pool_(std::move(pool)),
      head_(thread_, statements_, HotConnect(options_),
            absl::StrCat("stele_head_", options_.schema), options_.call_timeout,
            MetricsOf(options_)),
      appender_(thread_, statements_, names_, head_, AppendOptions(options_),
                MetricsOf(options_)),
      reader_(thread_, statements_, names_, HotConnect(options_),
              options_.read_connections, options_.call_timeout),
      host_{options_.schema, statements_,
            [this](AppendBatch& batch) -> absl::Status {
              // Nearly always there is nothing to ask for.
              if (batch.Resolve(names_).empty()) return absl::OkStatus();
              return thread_.Block(appender_.Intern(batch));
            }},
      consumers_(*pool_, host_) {
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
  thread_.Join();
}

absl::StatusOr<std::vector<AppendResult>> PostgresEventStore::AppendAll(
    std::span<const AppendRequest> requests) {
  STELE_RETURN_IF_ERROR(ValidateAppend(requests));
  if (store_in_transaction == this) return InTransactionError();
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
    for (RecordedEvent& event : page.events) {
      if (event.version != next) {
        return absl::DataLossError(absl::StrCat(
            "stream ", Quoted(request.stream_id), " has no version ", next));
      }
      next += is_forwards ? 1 : -1;
      STELE_RETURN_IF_ERROR(visit(std::move(event)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<LogProgress> PostgresEventStore::ReadLog(
    const ReadLogRequest& request,
    absl::FunctionRef<absl::Status(RecordedEvent)> visit) {
  STELE_RETURN_IF_ERROR(ValidateReadLog(request));
  std::int64_t position = request.after_position;
  std::int64_t left = request.limit;
  // What was seen last may be long ago: only a head that was looked up during
  // this call proves that there is nothing more.
  std::int64_t head = head_.head();
  bool is_fresh = false;
  while (true) {
    if (position >= head && !is_fresh) {
      STELE_ASSIGN_OR_RETURN(head, thread_.Block(head_.Refresh()));
      is_fresh = true;
    }
    if (position >= head) return LogProgress{position, true};
    if (left <= 0) return LogProgress{position, false};
    STELE_ASSIGN_OR_RETURN(Page page, thread_.Block(reader_.ReadLog(
                                          request, position, head, left)));
    left -= static_cast<std::int64_t>(page.events.size());
    position = page.reached;
    for (RecordedEvent& event : page.events) {
      STELE_RETURN_IF_ERROR(visit(std::move(event)));
    }
  }
}

absl::StatusOr<std::int64_t> PostgresEventStore::Head() {
  return thread_.Block(head_.Refresh());
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
  if (store_in_transaction == this) return InTransactionError();
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
  STELE_ASSIGN_OR_RETURN(const postgres::Result streams,
                         Query("saving a snapshot", statements_.save_snapshot,
                               postgres::Params()
                                   .Text(snapshot.stream_id)
                                   .Int8(snapshot.version)
                                   .Text(snapshot.fingerprint)
                                   .Bytea(snapshot.state)));
  if (streams.rows() > 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no stream ",
                                          Quoted(snapshot.stream_id),
                                          " to keep a snapshot of"));
}

absl::Status PostgresEventStore::Transact(
    absl::FunctionRef<absl::Status(Transaction&)> work) {
  if (store_in_transaction == this) return InTransactionError();
  std::optional<PostgresTransaction> transaction;
  const absl::Status status = pool_->Transact(
      "running a transaction", [&](pqxx::transaction_base& tx) -> absl::Status {
        transaction.emplace(host_, tx);
        const void* const outer = std::exchange(store_in_transaction, this);
        const absl::Cleanup leave = [outer] { store_in_transaction = outer; };
        STELE_RETURN_IF_ERROR(work(*transaction));
        return transaction->failure();
      });
  STELE_RETURN_IF_ERROR(status);
  head_.OnCommitted(transaction->TakePositions());
  transaction->RunEffects();
  return absl::OkStatus();
}

// Reads what identifies the store; also shows that it can be reached.
absl::StatusOr<Uuid> ReadEpoch(postgres::Pool& pool,
                               const std::string& schema) {
  constexpr std::string_view kDoing = "opening the event store";
  const postgres::Statement statement = {
      "stele_read_epoch",
      absl::StrCat("SELECT epoch FROM ", postgres::QuoteIdentifier(schema),
                   ".store"),
      {}};
  Uuid epoch;
  STELE_RETURN_IF_ERROR(
      pool.Transact(kDoing, [&](pqxx::transaction_base& tx) -> absl::Status {
        STELE_ASSIGN_OR_RETURN(
            const postgres::Result row,
            static_cast<postgres::Session&>(tx.conn()).Execute(
                kDoing, statement, postgres::Params()));
        if (row.rows() != 1) {
          return absl::DataLossError(absl::StrCat(
              "schema ", Quoted(schema), " has lost its row in `store`"));
        }
        epoch = row.GetUuid(0, 0);
        return absl::OkStatus();
      }));
  return epoch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventStore>> OpenPostgresEventStore(
    PostgresEventStoreOptions options) {
  STELE_RETURN_IF_ERROR(Validate(options));
  STELE_RETURN_IF_ERROR(postgres::CheckMigrated(
      options.dsn, options.schema, std::span(&EventStoreMigrations(), 1)));
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<postgres::Pool> pool,
                         postgres::Pool::Create(SqlPool(options)));
  STELE_ASSIGN_OR_RETURN(const Uuid epoch, ReadEpoch(*pool, options.schema));
  return std::make_unique<PostgresEventStore>(std::move(options),
                                              std::move(pool), epoch);
}

absl::StatusOr<MigrationReport> MigrateEventStore(const std::string& dsn,
                                                  const std::string& schema,
                                                  bool dry_run) {
  STELE_ASSIGN_OR_RETURN(
      const std::vector<postgres::ComponentVersion> versions,
      postgres::Migrate(dsn, schema, std::span(&EventStoreMigrations(), 1),
                        dry_run));
  return MigrationReport{versions.front().from, versions.front().to};
}

}  // namespace stele
