#include "postgres_consumer_storage.h"

#include <pqxx/transaction_base>
#include <utility>

#include "absl/strings/str_cat.h"
#include "postgres_consumer_sql.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/session.h"
#include "validate.h"

namespace stele::postgres_store {
namespace {

using postgres::Params;
using postgres::Result;

absl::Status UnknownConsumer(const std::string& consumer) {
  return absl::NotFoundError(
      absl::StrCat("consumer ", Quoted(consumer), " is not registered"));
}

absl::Status NotParked(const std::string& consumer, const std::string& key) {
  return absl::NotFoundError(absl::StrCat("consumer ", Quoted(consumer),
                                          " has not parked key ", Quoted(key)));
}

absl::Status NotHeld(const std::string& consumer, const std::string& key,
                     std::int64_t position) {
  return absl::AbortedError(
      absl::StrCat("consumer ", Quoted(consumer), ": the event at position ",
                   position, " is no longer held for key ", Quoted(key)));
}

// Text that the server takes: errors may quote any bytes.
std::string Printable(std::string_view text) {
  std::string printable(text.substr(0, 8192));
  const bool is_utf8 = IsValidUtf8(printable);
  for (char& c : printable) {
    if (c == '\0' || (!is_utf8 && static_cast<unsigned char>(c) >= 0x80)) {
      c = '?';
    }
  }
  return printable;
}

constexpr std::int64_t kForeverMicros = std::int64_t{1} << 60;

// PostgreSQL's years end before absl's do.
void AddTime(Params& params, absl::Time time) {
  static const absl::Time last = absl::FromUnixSeconds(200'000'000'000);
  params.Timestamp(std::min(time, last));
}

absl::Time TimeOf(const Result& result, int row, int column) {
  static const absl::Time last = absl::FromUnixSeconds(200'000'000'000);
  const std::int64_t raw = result.GetInt8(row, column);
  if (raw >= kForeverMicros) return absl::InfiniteFuture();
  if (raw <= -kForeverMicros) return absl::InfinitePast();
  const absl::Time time = result.GetTimestamp(row, column);
  return time >= last ? absl::InfiniteFuture() : time;
}

std::vector<ParkedKey> ParkedKeysOf(const Result& rows) {
  std::vector<ParkedKey> keys;
  for (int row = 0; row < rows.rows(); ++row) {
    keys.push_back({.key = std::string(rows.GetBytes(row, 0)),
                    .slot = rows.GetInt4(row, 1),
                    .first_position = rows.GetInt8(row, 2),
                    .held = rows.GetInt8(row, 3),
                    .tries = rows.GetInt4(row, 4),
                    .cause = std::string(rows.GetBytes(row, 5)),
                    .parked_at = TimeOf(rows, row, 6),
                    .next_try = TimeOf(rows, row, 7),
                    .state = static_cast<ParkedState>(rows.GetInt4(row, 8)),
                    .discard_position = rows.GetInt8(row, 9)});
  }
  return keys;
}

// Of rows ordered by consumer and slot.
std::vector<ConsumerStatus> ConsumersOf(const Result& rows) {
  std::vector<ConsumerStatus> list;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string name(rows.GetBytes(row, 0));
    if (list.empty() || list.back().name != name) {
      list.push_back({.name = name,
                      .slots = {},
                      .parked_keys = rows.GetInt8(row, 2),
                      .is_paused = rows.GetBool(row, 1)});
    }
    list.back().slots.push_back({.slot = rows.GetInt4(row, 3),
                                 .position = rows.GetInt8(row, 4),
                                 .epoch = rows.GetInt8(row, 5),
                                 .owner = std::string(rows.GetBytes(row, 6)),
                                 .lease_until = TimeOf(rows, row, 7),
                                 .updated_at = TimeOf(rows, row, 8)});
  }
  return list;
}

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
    const std::string& consumer, const std::string& owner,
    absl::Duration lease) {
  return Lease("acquiring slots", sql_->acquire, consumer, owner, lease);
}

absl::StatusOr<std::vector<SlotLease>> PostgresConsumerStorage::Renew(
    const std::string& consumer, const std::string& owner,
    absl::Duration lease) {
  return Lease("renewing leases", sql_->renew, consumer, owner, lease);
}

absl::StatusOr<std::vector<SlotLease>> PostgresConsumerStorage::Lease(
    std::string_view doing, const Statement& statement,
    const std::string& consumer, const std::string& owner,
    absl::Duration lease) {
  STELE_RETURN_IF_ERROR(ValidateAcquire(consumer, owner, lease));
  const absl::Duration bounded = std::min(lease, absl::Hours(24 * 365));
  STELE_ASSIGN_OR_RETURN(const Result result,
                         Query(doing, statement,
                               Params().Text(consumer).Text(owner).Int8(
                                   absl::ToInt64Microseconds(bounded))));
  if (result.IsNull(0, 0)) return UnknownConsumer(consumer);
  const std::vector<std::int32_t> slots = result.GetInt4s(0, 0);
  const std::vector<std::int64_t> epochs = result.GetInt8s(0, 1);
  const std::vector<std::int64_t> positions = result.GetInt8s(0, 2);
  std::vector<SlotLease> leases;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    leases.push_back({slots[i], epochs[i], positions[i], owner});
  }
  return leases;
}

absl::Status PostgresConsumerStorage::Release(const std::string& consumer,
                                              const std::string& owner) {
  constexpr std::string_view kDoing = "releasing slots";
  return Alone(kDoing, [&](postgres::Session& session) -> absl::Status {
    const Params params = Params().Text(consumer).Text(owner);
    STELE_RETURN_IF_ERROR(
        session.Execute(kDoing, sql_->lock_owned_slots, params));
    STELE_ASSIGN_OR_RETURN(
        const Result known,
        session.Execute(kDoing, sql_->lock_consumer, Params().Text(consumer)));
    if (known.rows() == 0) return UnknownConsumer(consumer);
    STELE_RETURN_IF_ERROR(session.Execute(kDoing, sql_->release, params));
    return session.Execute(kDoing, sql_->drop_owner, params).status();
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

absl::StatusOr<std::vector<ParkedKey>> PostgresConsumerStorage::ListParked(
    const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(
      const Result rows,
      Query("listing parked keys", sql_->list_parked, Params().Text(consumer)));
  return ParkedKeysOf(rows);
}

absl::StatusOr<std::vector<ParkedKey>> PostgresConsumerStorage::ListParked(
    Transaction& tx, const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const Result rows,
                         QueryIn(tx, "listing parked keys", sql_->list_parked,
                                 Params().Text(consumer)));
  return ParkedKeysOf(rows);
}

absl::StatusOr<std::vector<std::int64_t>>
PostgresConsumerStorage::HeldPositions(const std::string& consumer,
                                       const std::string& key,
                                       std::int64_t limit) {
  STELE_ASSIGN_OR_RETURN(const Result rows,
                         Query("listing held events", sql_->held,
                               Params().Text(consumer).Bytea(key).Int8(
                                   std::max<std::int64_t>(limit, 0))));
  std::vector<std::int64_t> positions;
  for (int row = 0; row < rows.rows(); ++row) {
    positions.push_back(rows.GetInt8(row, 0));
  }
  return positions;
}

absl::Status PostgresConsumerStorage::Park(Transaction& tx,
                                           const std::string& consumer,
                                           const ParkedKey& parked) {
  Params params;
  params.Text(consumer)
      .Bytea(parked.key)
      .Int4(parked.slot)
      .Int8(parked.first_position)
      .Int4(parked.tries)
      .Text(Printable(parked.cause));
  AddTime(params, parked.parked_at);
  AddTime(params, parked.next_try);
  params.Int4(static_cast<std::int32_t>(parked.state));
  STELE_ASSIGN_OR_RETURN(const Result done,
                         QueryIn(tx, "parking a key", sql_->park, params));
  if (done.rows() > 0) return absl::OkStatus();
  return static_cast<PostgresTransaction&>(tx).Fail(UnknownConsumer(consumer));
}

absl::Status PostgresConsumerStorage::Hold(Transaction& tx,
                                           const std::string& consumer,
                                           const std::string& key,
                                           std::int64_t position) {
  constexpr std::string_view kDoing = "holding an event";
  STELE_ASSIGN_OR_RETURN(
      const Result parked,
      QueryIn(tx, kDoing, sql_->is_parked, Params().Text(consumer).Bytea(key)));
  if (parked.rows() == 0) {
    return static_cast<PostgresTransaction&>(tx).Fail(NotParked(consumer, key));
  }
  return QueryIn(tx, kDoing, sql_->hold,
                 Params().Text(consumer).Bytea(key).Int8(position))
      .status();
}

absl::Status PostgresConsumerStorage::Unhold(Transaction& tx,
                                             const std::string& consumer,
                                             const std::string& key,
                                             std::int64_t position) {
  constexpr std::string_view kDoing = "releasing a held event";
  const Params names = Params().Text(consumer).Bytea(key);
  STELE_ASSIGN_OR_RETURN(const Result parked,
                         QueryIn(tx, kDoing, sql_->is_parked, names));
  if (parked.rows() == 0) {
    return static_cast<PostgresTransaction&>(tx).Fail(NotParked(consumer, key));
  }
  STELE_ASSIGN_OR_RETURN(
      const Result released,
      QueryIn(tx, kDoing, sql_->unhold,
              Params().Text(consumer).Bytea(key).Int8(position)));
  if (released.rows() == 0) {
    return static_cast<PostgresTransaction&>(tx).Fail(
        NotHeld(consumer, key, position));
  }
  return QueryIn(tx, kDoing, sql_->unpark, names).status();
}

absl::Status PostgresConsumerStorage::RequestParked(const std::string& consumer,
                                                    const std::string& key,
                                                    ParkedState request) {
  STELE_RETURN_IF_ERROR(ValidateRequestParked(request));
  STELE_ASSIGN_OR_RETURN(const Result done,
                         Query("asking for a parked key", sql_->request,
                               Params().Text(consumer).Bytea(key).Int4(
                                   static_cast<std::int32_t>(request))));
  return done.rows() > 0 ? absl::OkStatus() : NotParked(consumer, key);
}

absl::Status PostgresConsumerStorage::RequestDiscard(
    const std::string& consumer, const std::string& key,
    std::int64_t position) {
  constexpr std::string_view kDoing = "asking to discard an event";
  return Alone(kDoing, [&](postgres::Session& session) -> absl::Status {
    STELE_ASSIGN_OR_RETURN(
        const Result first,
        session.Execute(kDoing, sql_->request_discard,
                        Params().Text(consumer).Bytea(key).Int8(position)));
    if (first.rows() == 0) return NotParked(consumer, key);
    return CheckDiscard(key, position, first.GetInt8(0, 0));
  });
}

absl::StatusOr<std::vector<ConsumerStatus>> PostgresConsumerStorage::List() {
  STELE_ASSIGN_OR_RETURN(const Result rows,
                         Query("listing consumers", sql_->list, Params()));
  return ConsumersOf(rows);
}

absl::StatusOr<std::optional<ConsumerStatus>> PostgresConsumerStorage::Find(
    Transaction& tx, const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const Result rows,
                         QueryIn(tx, "looking at a consumer", sql_->find_status,
                                 Params().Text(consumer)));
  std::vector<ConsumerStatus> found = ConsumersOf(rows);
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
