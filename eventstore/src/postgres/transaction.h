#ifndef STELE_EVENTSTORE_SRC_POSTGRES_TRANSACTION_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_TRANSACTION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "postgres/append/batch.h"
#include "postgres/history.h"
#include "postgres/statements.h"
#include "stele/eventstore/transaction.h"

namespace stele::postgres {
class Session;
}  // namespace stele::postgres

namespace stele::postgres_store {

// What a transaction needs of its store. Thread-safe.
struct TransactionHost {
  const std::string& schema;
  const Statements& statements;
  // Resolves the names of a batch for a run of the server, making numbers for
  // those that have none yet, outside the transaction.
  std::function<absl::Status(AppendBatch&, const ServerRunPtr&)> intern;
};

class PostgresTransaction final : public Transaction {
 public:
  // All must outlive it. `run` is what the connection of `tx` leads to.
  PostgresTransaction(const TransactionHost& host, pqxx::transaction_base& tx,
                      ServerRunPtr run);

  absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests,
      const std::function<absl::Status(std::span<const RecordedEvent>)>&
          inline_work) override;
  pqxx::transaction_base* sql() override { return &tx_; }
  const std::string& schema() const override { return host_.schema; }
  void OnCommit(std::function<void()> effect) override;

  // The connection underneath, for statements of our own.
  postgres::Session& session() { return session_; }
  const TransactionHost& host() const { return host_; }

  // OK, or the first error of an AppendAll(): then it must not be committed.
  const absl::Status& failure() const { return failure_; }
  // Notes an error that must not be ignored, and returns it.
  absl::Status Fail(absl::Status status);

  // The events appended, ascending.
  std::vector<PlacedEvent> TakePlaced() { return std::move(placed_); }
  const ServerRun& run() const { return *run_; }
  void RunEffects();

 private:
  absl::StatusOr<std::vector<AppendResult>> TryAppend(
      const AppendBatch& batch,
      const std::function<absl::Status(std::span<const RecordedEvent>)>&
          inline_work);

  const TransactionHost& host_;
  pqxx::transaction_base& tx_;
  postgres::Session& session_;
  absl::Status failure_;
  const ServerRunPtr run_;
  std::vector<PlacedEvent> placed_;
  std::vector<std::function<void()>> effects_;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_TRANSACTION_H_
