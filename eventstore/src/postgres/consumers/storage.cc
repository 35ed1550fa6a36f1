#include "postgres/consumers/storage.h"

#include <pqxx/transaction_base>
#include <utility>

#include "absl/strings/str_cat.h"
#include "consumers/errors.h"
#include "consumers/owners.h"
#include "postgres/consumers/sql.h"
#include "postgres/consumers/statuses.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/session.h"
#include "validate.h"

namespace stele::postgres_store {
namespace {

using postgres::Params;
using postgres::Result;

}  // namespace

PostgresConsumerStorage::PostgresConsumerStorage(postgres::Pool& pool,
                                                 const TransactionHost& host)
    : pool_(pool),
      host_(host),
      sql_(std::make_unique<const ConsumerSql>(host.schema)) {}

PostgresConsumerStorage::~PostgresConsumerStorage() = default;

absl::Status PostgresConsumerStorage::Alone(
    std::string_view doing,
    absl::FunctionRef<absl::Status(postgres::Session&)> work) {
  return pool_.Transact(doing, [&](pqxx::transaction_base& tx) {
    return work(static_cast<postgres::Session&>(tx.conn()));
  });
}

absl::StatusOr<Result> PostgresConsumerStorage::Query(
    std::string_view doing, const Statement& statement, const Params& params) {
  Result result;
  STELE_RETURN_IF_ERROR(
      Alone(doing, [&](postgres::Session& session) -> absl::Status {
        STELE_ASSIGN_OR_RETURN(result,
                               session.Execute(doing, statement, params));
        return absl::OkStatus();
      }));
  return result;
}

absl::StatusOr<Result> PostgresConsumerStorage::QueryIn(
    Transaction& tx, std::string_view doing, const Statement& statement,
    const Params& params) {
  auto* mine = dynamic_cast<PostgresTransaction*>(&tx);
  if (mine == nullptr || &mine->host() != &host_) {
    return absl::InvalidArgumentError(
        "the transaction belongs to another store");
  }
  auto result = mine->session().Execute(doing, statement, params);
  mine->Fail(result.status()).IgnoreError();  // Returned below.
  return result;
}

absl::Status PostgresConsumerStorage::Register(const std::string& consumer,
                                               int slots,
                                               std::int64_t start_position) {
  STELE_RETURN_IF_ERROR(ValidateRegister(consumer, slots, start_position));
  constexpr std::string_view kDoing = "registering a consumer";
  return Alone(kDoing, [&](postgres::Session& session) -> absl::Status {
    STELE_ASSIGN_OR_RETURN(
        const Result added,
        session.Execute(kDoing, sql_->add_consumer,
                        Params().Text(consumer).Int4(slots)));
    if (added.rows() > 0) {
      return session
          .Execute(kDoing, sql_->add_slots,
                   Params().Text(consumer).Int4(slots).Int8(start_position))
          .status();
    }
    STELE_ASSIGN_OR_RETURN(
        const Result known,
        session.Execute(kDoing, sql_->find_consumer, Params().Text(consumer)));
    if (known.rows() == 0) return UnknownConsumer(consumer);
    if (known.GetInt4(0, 0) == slots) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("consumer ", Quoted(consumer), " has ",
                     known.GetInt4(0, 0), " slots, not ", slots));
  });
}

absl::StatusOr<std::vector<SlotLease>> PostgresConsumerStorage::Acquire(
    const std::string& consumer, const ConsumerOwner& owner,
    absl::Duration lease) {
  return Lease("acquiring slots", sql_->acquire, consumer, owner, lease);
}

absl::StatusOr<std::vector<SlotLease>> PostgresConsumerStorage::Renew(
    const std::string& consumer, const ConsumerOwner& owner,
    absl::Duration lease) {
  return Lease("renewing leases", sql_->renew, consumer, owner, lease);
}

absl::StatusOr<std::vector<SlotLease>> PostgresConsumerStorage::Lease(
    std::string_view doing, const Statement& statement,
    const std::string& consumer, const ConsumerOwner& owner,
    absl::Duration lease) {
  STELE_RETURN_IF_ERROR(ValidateAcquire(consumer, owner, lease));
  const std::vector<std::string> types = SortedTypes(owner);
  STELE_ASSIGN_OR_RETURN(const Result result,
                         Query(doing, statement,
                               Params()
                                   .Text(consumer)
                                   .Text(owner.name)
                                   .Texts(std::vector<std::string_view>(
                                       types.begin(), types.end()))
                                   .Int8(absl::ToInt64Microseconds(lease))));
  if (result.IsNull(0, 0)) return UnknownConsumer(consumer);
  const std::vector<std::int32_t> slots = result.GetInt4s(0, 0);
  const std::vector<std::int64_t> epochs = result.GetInt8s(0, 1);
  const std::vector<std::int64_t> positions = result.GetInt8s(0, 2);
  std::vector<SlotLease> leases;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    leases.push_back({slots[i], epochs[i], positions[i], owner.name});
  }
  return leases;
}

absl::Status PostgresConsumerStorage::Release(const std::string& consumer,
                                              const std::string& owner) {
  return GiveUpSlots("releasing slots", sql_->drop_owner, consumer, owner);
}

absl::Status PostgresConsumerStorage::Suspend(const std::string& consumer,
                                              const std::string& owner) {
  return GiveUpSlots("suspending an owner", sql_->suspend_owner, consumer,
                     owner);
}

absl::Status PostgresConsumerStorage::GiveUpSlots(std::string_view doing,
                                                  const Statement& note,
                                                  const std::string& consumer,
                                                  const std::string& owner) {
  return Alone(doing, [&](postgres::Session& session) -> absl::Status {
    const Params params = Params().Text(consumer).Text(owner);
    STELE_RETURN_IF_ERROR(
        session.Execute(doing, sql_->lock_owned_slots, params));
    STELE_ASSIGN_OR_RETURN(
        const Result known,
        session.Execute(doing, sql_->lock_consumer, Params().Text(consumer)));
    if (known.rows() == 0) return UnknownConsumer(consumer);
    STELE_RETURN_IF_ERROR(session.Execute(doing, sql_->release, params));
    return session.Execute(doing, note, params).status();
  });
}

absl::Status PostgresConsumerStorage::Advance(
    Transaction& tx, const std::string& consumer,
    std::span<const SlotAdvance> advances) {
  STELE_RETURN_IF_ERROR(ValidateAdvances(advances));
  if (advances.empty()) return absl::OkStatus();
  std::vector<std::int32_t> slots;
  std::vector<std::int64_t> epochs;
  std::vector<std::int64_t> from;
  std::vector<std::int64_t> to;
  std::vector<std::string_view> owners;
  for (const SlotAdvance& advance : advances) {
    slots.push_back(advance.lease.slot);
    epochs.push_back(advance.lease.epoch);
    from.push_back(advance.lease.position);
    to.push_back(advance.position);
    owners.push_back(advance.lease.owner);
  }
  STELE_ASSIGN_OR_RETURN(const Result moved,
                         QueryIn(tx, "moving checkpoints", sql_->advance,
                                 Params()
                                     .Text(consumer)
                                     .Int4s(slots)
                                     .Int8s(epochs)
                                     .Int8s(from)
                                     .Int8s(to)
                                     .Texts(owners)));
  if (moved.rows() == static_cast<int>(advances.size())) {
    return absl::OkStatus();
  }
  return static_cast<PostgresTransaction&>(tx).Fail(
      absl::AbortedError(absl::StrCat(
          "consumer ", Quoted(consumer), ": ",
          advances.size() - static_cast<std::size_t>(moved.rows()), " of ",
          advances.size(), " slots are no longer leased, or stand elsewhere")));
}

absl::StatusOr<std::vector<ConsumerStatus>> PostgresConsumerStorage::List() {
  STELE_ASSIGN_OR_RETURN(const Result rows,
                         Query("listing consumers", sql_->list, Params()));
  STELE_ASSIGN_OR_RETURN(
      const Result owners,
      Query("listing consumers", sql_->list_owners, Params()));
  return ConsumersOf(rows, owners);
}

absl::StatusOr<std::optional<ConsumerStatus>> PostgresConsumerStorage::Find(
    Transaction& tx, const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const Result rows,
                         QueryIn(tx, "looking at a consumer", sql_->find_status,
                                 Params().Text(consumer)));
  STELE_ASSIGN_OR_RETURN(const Result owners,
                         QueryIn(tx, "looking at a consumer", sql_->find_owners,
                                 Params().Text(consumer)));
  std::vector<ConsumerStatus> found = ConsumersOf(rows, owners);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

absl::Status PostgresConsumerStorage::SetPaused(const std::string& consumer,
                                                bool paused) {
  STELE_ASSIGN_OR_RETURN(const Result done,
                         Query("pausing a consumer", sql_->set_paused,
                               Params().Text(consumer).Bool(paused)));
  return done.rows() > 0 ? absl::OkStatus() : UnknownConsumer(consumer);
}

absl::StatusOr<bool> PostgresConsumerStorage::IsPaused(
    const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const Result rows,
                         Query("looking at a consumer", sql_->find_consumer,
                               Params().Text(consumer)));
  if (rows.rows() == 0) return UnknownConsumer(consumer);
  return rows.GetBool(0, 1);
}

absl::Status PostgresConsumerStorage::Reset(const std::string& consumer,
                                            std::int64_t position) {
  STELE_RETURN_IF_ERROR(ValidateRegister(consumer, 1, position));
  constexpr std::string_view kDoing = "resetting a consumer";
  return Alone(kDoing, [&](postgres::Session& session) -> absl::Status {
    STELE_RETURN_IF_ERROR(
        session.Execute(kDoing, sql_->lock_slots, Params().Text(consumer)));
    STELE_ASSIGN_OR_RETURN(
        const Result known,
        session.Execute(kDoing, sql_->lock_consumer, Params().Text(consumer)));
    if (known.rows() == 0) return UnknownConsumer(consumer);
    const Params params = Params().Text(consumer).Int8(position);
    STELE_RETURN_IF_ERROR(session.Execute(kDoing, sql_->reset, params));
    STELE_RETURN_IF_ERROR(
        session.Execute(kDoing, sql_->drop_held_beyond, params));
    return session
        .Execute(kDoing, sql_->drop_empty_keys, Params().Text(consumer))
        .status();
  });
}

absl::Status PostgresConsumerStorage::Forget(const std::string& consumer) {
  constexpr std::string_view kDoing = "forgetting a consumer";
  return Alone(kDoing, [&](postgres::Session& session) -> absl::Status {
    STELE_RETURN_IF_ERROR(
        session.Execute(kDoing, sql_->lock_slots, Params().Text(consumer)));
    STELE_RETURN_IF_ERROR(
        session.Execute(kDoing, sql_->lock_consumer, Params().Text(consumer)));
    for (const Statement& statement : sql_->forget) {
      STELE_RETURN_IF_ERROR(
          session.Execute(kDoing, statement, Params().Text(consumer)));
    }
    return absl::OkStatus();
  });
}

}  // namespace stele::postgres_store
