#ifndef STELE_EVENTSTORE_SRC_POSTGRES_STORE_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postgres/append/appender.h"
#include "postgres/consumers/storage.h"
#include "postgres/head.h"
#include "postgres/history.h"
#include "postgres/io.h"
#include "postgres/reader.h"
#include "postgres/statements.h"
#include "postgres/transaction.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/postgres/pool.h"

namespace stele::postgres {
class Session;
}  // namespace stele::postgres

namespace stele::postgres_store {

// The store, put together.
class PostgresEventStore final : public EventStore {
 public:
  // `pool` is for transactions, `admin_pool` for the statements of consumers():
  // they may be asked for from within a transaction, and a pool that waits for
  // itself would do so for long.
  PostgresEventStore(PostgresEventStoreOptions options,
                     std::unique_ptr<postgres::Pool> pool,
                     std::unique_ptr<postgres::Pool> admin_pool, Uuid epoch);
  // Ends within seconds, whatever the server does.
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
  absl::StatusOr<Uuid> Epoch() override { return history_.epoch(); }

 private:
  absl::StatusOr<postgres::Result> Query(std::string_view doing,
                                         const postgres::Statement& statement,
                                         const postgres::Params& params) {
    return thread_.Block(reader_.Query(doing, statement, params));
  }

  // OK if the log has come to `position` once.
  absl::Status CheckReached(std::int64_t position);
  // What the session, whose transaction has just begun, leads to.
  absl::StatusOr<ServerRunPtr> RunOf(postgres::Session& session);

  const PostgresEventStoreOptions options_;
  const Statements statements_;
  History history_;
  std::unique_ptr<postgres::Pool> pool_;
  std::unique_ptr<postgres::Pool> admin_pool_;
  // Its thread ends before what its coroutines use goes: see the destructor.
  IoThread thread_;
  HeadTracker head_;
  Appender appender_;
  Reader reader_;
  const TransactionHost host_;
  PostgresConsumerStorage consumers_;
};

// How the connections of the hot path behave.
postgres::ConnectOptions HotConnect(const PostgresEventStoreOptions& options);

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_STORE_H_
