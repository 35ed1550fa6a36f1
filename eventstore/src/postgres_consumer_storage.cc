#include "postgres_consumer_storage.h"

#include <pqxx/transaction_base>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/session.h"
#include "validate.h"

namespace stele::postgres_store {
namespace {

using enum postgres::Type;
using postgres::Params;
using postgres::Result;
using postgres::Statement;

absl::Status UnknownConsumer(const std::string& consumer) {
  return absl::NotFoundError(
      absl::StrCat("consumer ", Quoted(consumer), " is not registered"));
}

absl::Status NotParked(const std::string& consumer, const std::string& key) {
  return absl::NotFoundError(absl::StrCat("consumer ", Quoted(consumer),
                                          " has not parked key ", Quoted(key)));
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

}  // namespace

struct PostgresConsumerStorage::Sql {
  explicit Sql(const std::string& schema)
      : quoted(postgres::QuoteIdentifier(schema)) {}

  Statement Make(const char* name, const char* sql,
                 std::vector<postgres::Type> types) const {
    return {name, absl::StrReplaceAll(sql, {{"{schema}", quoted}}),
            std::move(types)};
  }

  const std::string quoted;

  const Statement add_consumer =
      Make("stele_add_consumer",
           "INSERT INTO {schema}.consumers (name, slots) VALUES ($1, $2) ON "
           "CONFLICT (name) DO NOTHING RETURNING slots",
           {kText, kInt4});
  const Statement add_slots =
      Make("stele_add_slots",
           "INSERT INTO {schema}.checkpoints (consumer, slot, position, "
           "store_epoch) SELECT $1, g, $3, (SELECT epoch FROM {schema}.store) "
           "FROM generate_series(0, $2 - 1) AS g",
           {kText, kInt4, kInt8});
  const Statement find_consumer =
      Make("stele_find_consumer",
           "SELECT slots, is_paused FROM {schema}.consumers WHERE name = $1",
           {kText});
  const Statement lock_consumer =
      Make("stele_lock_consumer",
           "SELECT slots FROM {schema}.consumers WHERE name = $1 FOR NO KEY "
           "UPDATE",
           {kText});
  const Statement acquire =
      Make("stele_acquire",
           "SELECT slots, epochs, positions FROM {schema}.acquire_slots($1, "
           "$2, $3 * interval '1 microsecond')",
           {kText, kText, kInt8});
  const Statement release =
      Make("stele_release",
           "UPDATE {schema}.checkpoints SET lease_owner = NULL, lease_until = "
           "'-infinity' WHERE consumer = $1 AND lease_owner = $2",
           {kText, kText});
  const Statement drop_owner =
      Make("stele_drop_owner",
           "DELETE FROM {schema}.consumer_owners WHERE consumer = $1 AND owner "
           "= $2",
           {kText, kText});
  // The lease and the position are compared as the row is changed: whoever lost
  // either changes nothing.
  const Statement advance = Make(
      "stele_advance",
      "UPDATE {schema}.checkpoints c SET position = a.new_position, "
      "updated_at = clock_timestamp() FROM (SELECT * FROM unnest($2, $3, "
      "$4, $5) AS u (slot, epoch, old_position, new_position)) AS a WHERE "
      "c.consumer = $1 AND c.slot = a.slot AND c.lease_epoch = a.epoch AND "
      "c.lease_owner IS NOT NULL AND c.position = a.old_position RETURNING "
      "c.slot",
      {kText, kInt4Array, kInt8Array, kInt8Array, kInt8Array});
  const Statement list_parked =
      Make("stele_list_parked",
           "SELECT p.key, p.slot, p.first_position, (SELECT count(*) FROM "
           "{schema}.parked_events e WHERE e.consumer = p.consumer AND e.key = "
           "p.key), p.tries, p.cause, p.parked_at, p.next_try, "
           "p.state::integer FROM {schema}.parked p WHERE p.consumer = $1 "
           "ORDER BY p.key",
           {kText});
  const Statement held = Make(
      "stele_held",
      "SELECT position FROM {schema}.parked_events WHERE consumer = $1 AND "
      "key = $2 ORDER BY position LIMIT $3",
      {kText, kBytea, kInt8});
  const Statement park =
      Make("stele_park",
           "INSERT INTO {schema}.parked (consumer, key, slot, first_position, "
           "tries, cause, parked_at, next_try, state) SELECT c.name, $2, $3, "
           "$4, $5, $6, $7, $8, $9 FROM {schema}.consumers c WHERE c.name = $1 "
           "ON CONFLICT (consumer, key) DO UPDATE SET slot = excluded.slot, "
           "first_position = excluded.first_position, tries = excluded.tries, "
           "cause = excluded.cause, parked_at = excluded.parked_at, next_try = "
           "excluded.next_try, state = excluded.state RETURNING slot",
           {kText, kBytea, kInt4, kInt8, kInt4, kText, kTimestamp, kTimestamp,
            kInt4});
  const Statement is_parked =
      Make("stele_is_parked",
           "SELECT slot FROM {schema}.parked WHERE consumer = $1 AND key = $2 "
           "FOR NO KEY UPDATE",
           {kText, kBytea});
  const Statement hold = Make(
      "stele_hold",
      "INSERT INTO {schema}.parked_events (consumer, key, position) VALUES "
      "($1, $2, $3) ON CONFLICT DO NOTHING",
      {kText, kBytea, kInt8});
  const Statement unhold = Make(
      "stele_unhold",
      "DELETE FROM {schema}.parked_events WHERE consumer = $1 AND key = $2 "
      "AND position = $3",
      {kText, kBytea, kInt8});
  // A new statement, to see that the last event is gone.
  const Statement unpark =
      Make("stele_unpark",
           "DELETE FROM {schema}.parked p WHERE p.consumer = $1 AND p.key = $2 "
           "AND NOT EXISTS (SELECT FROM {schema}.parked_events e WHERE "
           "e.consumer = $1 AND e.key = $2)",
           {kText, kBytea});
  const Statement request = Make(
      "stele_request_parked",
      "UPDATE {schema}.parked SET state = $3 WHERE consumer = $1 AND key = "
      "$2 RETURNING slot",
      {kText, kBytea, kInt4});
  const Statement list = Make(
      "stele_list_consumers",
      "SELECT n.name, n.is_paused, (SELECT count(*) FROM {schema}.parked p "
      "WHERE p.consumer = n.name), c.slot, c.position, c.lease_epoch, "
      "coalesce(c.lease_owner, ''), c.lease_until, c.updated_at FROM "
      "{schema}.consumers n JOIN {schema}.checkpoints c ON c.consumer = "
      "n.name ORDER BY n.name, c.slot",
      {});
  const Statement set_paused =
      Make("stele_set_paused",
           "UPDATE {schema}.consumers SET is_paused = $2 WHERE name = $1 "
           "RETURNING slots",
           {kText, kBool});
  const Statement reset =
      Make("stele_reset",
           "UPDATE {schema}.checkpoints SET position = $2, lease_epoch = "
           "lease_epoch + 1, updated_at = clock_timestamp(), store_epoch = "
           "(SELECT epoch FROM {schema}.store) WHERE consumer = $1",
           {kText, kInt8});
  const Statement drop_held_beyond = Make(
      "stele_drop_held_beyond",
      "DELETE FROM {schema}.parked_events WHERE consumer = $1 AND position "
      "> $2",
      {kText, kInt8});
  const Statement drop_empty_keys = Make(
      "stele_drop_empty_keys",
      "DELETE FROM {schema}.parked p WHERE p.consumer = $1 AND NOT EXISTS "
      "(SELECT FROM {schema}.parked_events e WHERE e.consumer = p.consumer "
      "AND e.key = p.key)",
      {kText});
  const std::vector<Statement> forget = {
      Make("stele_forget_events",
           "DELETE FROM {schema}.parked_events WHERE consumer = $1", {kText}),
      Make("stele_forget_parked",
           "DELETE FROM {schema}.parked WHERE consumer = $1", {kText}),
      Make("stele_forget_owners",
           "DELETE FROM {schema}.consumer_owners WHERE consumer = $1", {kText}),
      Make("stele_forget_slots",
           "DELETE FROM {schema}.checkpoints WHERE consumer = $1", {kText}),
      Make("stele_forget_consumer",
           "DELETE FROM {schema}.consumers WHERE name = $1", {kText}),
  };
};

PostgresConsumerStorage::PostgresConsumerStorage(postgres::Pool& pool,
                                                 const TransactionHost& host)
    : pool_(pool),
      host_(host),
      sql_(std::make_unique<const Sql>(host.schema)) {}

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
  STELE_RETURN_IF_ERROR(ValidateAcquire(consumer, owner, lease));
  const absl::Duration bounded = std::min(lease, absl::Hours(24 * 365));
  STELE_ASSIGN_OR_RETURN(const Result result,
                         Query("acquiring slots", sql_->acquire,
                               Params().Text(consumer).Text(owner).Int8(
                                   absl::ToInt64Microseconds(bounded))));
  if (result.IsNull(0, 0)) return UnknownConsumer(consumer);
  const std::vector<std::int32_t> slots = result.GetInt4s(0, 0);
  const std::vector<std::int64_t> epochs = result.GetInt8s(0, 1);
  const std::vector<std::int64_t> positions = result.GetInt8s(0, 2);
  std::vector<SlotLease> leases;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    leases.push_back({slots[i], epochs[i], positions[i]});
  }
  return leases;
}

absl::Status PostgresConsumerStorage::Release(const std::string& consumer,
                                              const std::string& owner) {
  constexpr std::string_view kDoing = "releasing slots";
  return Alone(kDoing, [&](postgres::Session& session) -> absl::Status {
    STELE_ASSIGN_OR_RETURN(
        const Result known,
        session.Execute(kDoing, sql_->lock_consumer, Params().Text(consumer)));
    if (known.rows() == 0) return UnknownConsumer(consumer);
    const Params params = Params().Text(consumer).Text(owner);
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
  for (const SlotAdvance& advance : advances) {
    slots.push_back(advance.lease.slot);
    epochs.push_back(advance.lease.epoch);
    from.push_back(advance.lease.position);
    to.push_back(advance.position);
  }
  STELE_ASSIGN_OR_RETURN(
      const Result moved,
      QueryIn(
          tx, "moving checkpoints", sql_->advance,
          Params().Text(consumer).Int4s(slots).Int8s(epochs).Int8s(from).Int8s(
              to)));
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
                    .state = static_cast<ParkedState>(rows.GetInt4(row, 8))});
  }
  return keys;
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
  STELE_RETURN_IF_ERROR(
      QueryIn(tx, kDoing, sql_->unhold,
              Params().Text(consumer).Bytea(key).Int8(position)));
  return QueryIn(tx, kDoing, sql_->unpark, names).status();
}

absl::Status PostgresConsumerStorage::RequestParked(const std::string& consumer,
                                                    const std::string& key,
                                                    ParkedState request) {
  STELE_ASSIGN_OR_RETURN(const Result done,
                         Query("asking for a parked key", sql_->request,
                               Params().Text(consumer).Bytea(key).Int4(
                                   static_cast<std::int32_t>(request))));
  return done.rows() > 0 ? absl::OkStatus() : NotParked(consumer, key);
}

absl::StatusOr<std::vector<ConsumerStatus>> PostgresConsumerStorage::List() {
  STELE_ASSIGN_OR_RETURN(const Result rows,
                         Query("listing consumers", sql_->list, Params()));
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
    for (const Statement& statement : sql_->forget) {
      STELE_RETURN_IF_ERROR(
          session.Execute(kDoing, statement, Params().Text(consumer)));
    }
    return absl::OkStatus();
  });
}

}  // namespace stele::postgres_store
