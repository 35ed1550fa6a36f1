// The keys that consumers have set aside.
#include <algorithm>
#include <utility>

#include "consumers/errors.h"
#include "postgres/consumers/sql.h"
#include "postgres/consumers/storage.h"
#include "postgres/consumers/times.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/session.h"
#include "validate.h"

namespace stele::postgres_store {
namespace {

using postgres::Params;
using postgres::Result;

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

}  // namespace

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

}  // namespace stele::postgres_store
