#ifndef STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_STORAGE_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_STORAGE_H_

#include <memory>
#include <string>
#include <vector>

#include "postgres/transaction.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/postgres/pool.h"

namespace stele::postgres_store {

struct ConsumerSql;

// Checkpoints, leases and parked keys in the tables of 0007_consumers.sql.
class PostgresConsumerStorage final : public ConsumerStorage {
 public:
  // `pool` must outlive it.
  PostgresConsumerStorage(postgres::Pool& pool, const TransactionHost& host);
  ~PostgresConsumerStorage() override;

  absl::Status Register(const std::string& consumer, int slots,
                        std::int64_t start_position) override;
  absl::StatusOr<std::vector<SlotLease>> Acquire(const std::string& consumer,
                                                 const ConsumerOwner& owner,
                                                 absl::Duration lease) override;
  absl::StatusOr<std::vector<SlotLease>> Renew(const std::string& consumer,
                                               const ConsumerOwner& owner,
                                               absl::Duration lease) override;
  absl::Status Release(const std::string& consumer,
                       const std::string& owner) override;
  absl::Status Suspend(const std::string& consumer,
                       const std::string& owner) override;
  absl::Status Advance(Transaction& tx, const std::string& consumer,
                       std::span<const SlotAdvance> advances) override;
  absl::StatusOr<std::vector<ParkedKey>> ListParked(
      const std::string& consumer) override;
  absl::StatusOr<std::vector<std::int64_t>> HeldPositions(
      const std::string& consumer, const std::string& key,
      std::int64_t limit) override;
  absl::Status Park(Transaction& tx, const std::string& consumer,
                    const ParkedKey& parked) override;
  absl::Status Hold(Transaction& tx, const std::string& consumer,
                    const std::string& key, std::int64_t position) override;
  absl::Status Unhold(Transaction& tx, const std::string& consumer,
                      const std::string& key, std::int64_t position) override;
  absl::Status RequestParked(const std::string& consumer,
                             const std::string& key,
                             ParkedState request) override;
  absl::Status RequestDiscard(const std::string& consumer,
                              const std::string& key,
                              std::int64_t position) override;
  absl::StatusOr<std::vector<ConsumerStatus>> List() override;
  absl::StatusOr<std::optional<ConsumerStatus>> Find(
      Transaction& tx, const std::string& consumer) override;
  absl::StatusOr<std::vector<ParkedKey>> ListParked(
      Transaction& tx, const std::string& consumer) override;
  absl::Status SetPaused(const std::string& consumer, bool paused) override;
  absl::StatusOr<bool> IsPaused(const std::string& consumer) override;
  absl::Status Reset(const std::string& consumer,
                     std::int64_t position) override;
  absl::Status Forget(const std::string& consumer) override;

 private:
  // Runs `work` in a transaction of its own.
  absl::Status Alone(std::string_view doing,
                     absl::FunctionRef<absl::Status(postgres::Session&)> work);
  // Calls one of the functions that answer with the slots held.
  absl::StatusOr<std::vector<SlotLease>> Lease(
      std::string_view doing, const postgres::Statement& statement,
      const std::string& consumer, const ConsumerOwner& owner,
      absl::Duration lease);
  // Frees the slots of `owner`, and then has `note` say so of it.
  absl::Status GiveUpSlots(std::string_view doing,
                           const postgres::Statement& note,
                           const std::string& consumer,
                           const std::string& owner);
  // One statement, in a transaction of its own.
  absl::StatusOr<postgres::Result> Query(std::string_view doing,
                                         const postgres::Statement& statement,
                                         const postgres::Params& params);
  // One statement, as part of `tx`, which must be of this store.
  absl::StatusOr<postgres::Result> QueryIn(Transaction& tx,
                                           std::string_view doing,
                                           const postgres::Statement& statement,
                                           const postgres::Params& params);

  postgres::Pool& pool_;
  const TransactionHost& host_;
  std::unique_ptr<const ConsumerSql> sql_;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_STORAGE_H_
