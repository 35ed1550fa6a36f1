#include <pqxx/pqxx>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inbox_storages.h"
#include "stele/base/status.h"
#include "stele/postgres/errors.h"
#include "stele/postgres/identifier.h"
#include "stored_message.h"

namespace stele::outbox_internal {
namespace {

// The columns of a ParkedMessage, in the order Row() reads them.
constexpr char kColumns[] =
    "id, key, message, next_try IS NULL, cause, tries,"
    " (extract(epoch FROM parked_at) * 1000000)::bigint,"
    " CASE WHEN isfinite(next_try)"
    " THEN (extract(epoch FROM next_try) * 1000000)::bigint END";

std::string ToSql(absl::Time time) {
  if (time == absl::InfiniteFuture()) return "infinity";
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}

pqxx::binarystring Bytes(const std::string& bytes) {
  return pqxx::binarystring(bytes.data(), bytes.size());
}

// What became unreadable concerns its own key: the rest of it is still known.
void ReadMessage(const pqxx::row& row, ParkedMessage& parked) {
  const pqxx::binarystring bytes(row[2]);
  absl::StatusOr<BrokerMessage> message =
      ParseMessage({bytes.get(), bytes.size()});
  if (message.ok()) {
    parked.message = *std::move(message);
    return;
  }
  parked.read_error = absl::DataLossError(
      absl::StrCat("the message cannot be read back: the ", bytes.size(),
                   " bytes kept in inbox_parked under id ", parked.id,
                   " are none; discard it, or put them back from a backup and "
                   "retry"));
}

ParkedMessage Row(const pqxx::row& row) {
  ParkedMessage parked;
  parked.id = row[0].as<std::int64_t>();
  parked.key = row[1].as<std::string>();
  ReadMessage(row, parked);
  parked.is_held = row[3].as<bool>();
  parked.cause = row[4].as<std::string>();
  parked.tries = row[5].as<int>();
  parked.parked_at = absl::FromUnixMicros(row[6].as<std::int64_t>());
  parked.next_try = row[7].is_null()
                        ? absl::InfiniteFuture()
                        : absl::FromUnixMicros(row[7].as<std::int64_t>());
  return parked;
}

class PostgresInboxStorage : public InboxStorage {
 public:
  explicit PostgresInboxStorage(EventStore& store) : store_(store) {}

  absl::StatusOr<bool> Claim(Transaction& tx, const std::string& inbox,
                             const std::string& message_id,
                             absl::Time now) override {
    return postgres::CatchingAll("claiming a message", [&] {
      const pqxx::result done = tx.sql()->exec_params(
          absl::StrCat("INSERT INTO ", Handled(tx),
                       " (inbox, message_id, handled_at) VALUES ($1, $2, $3)"
                       " ON CONFLICT DO NOTHING"),
          inbox, message_id, ToSql(now));
      return absl::StatusOr<bool>(done.affected_rows() == 1);
    });
  }

  absl::StatusOr<bool> IsParked(Transaction& tx, const std::string& inbox,
                                const std::string& key) override {
    return postgres::CatchingAll("looking for parked messages", [&] {
      // By inbox_parked_by_key. Locked, so that an operator cannot discard the
      // last one while we put another behind it.
      const pqxx::result rows = tx.sql()->exec_params(
          absl::StrCat("SELECT id FROM ", Parked(tx),
                       " WHERE inbox = $1 AND key = $2"
                       " ORDER BY id DESC LIMIT 1 FOR UPDATE"),
          inbox, key);
      return absl::StatusOr<bool>(!rows.empty());
    });
  }

  absl::Status Park(Transaction& tx, const std::string& inbox,
                    const ParkedMessage& parked) override {
    return postgres::CatchingAll("parking a message", [&] {
      const std::string bytes = SerializeMessage(parked.message);
      const std::string next_try = ToSql(parked.next_try);
      tx.sql()->exec_params(
          absl::StrCat("INSERT INTO ", Parked(tx),
                       " (inbox, key, message, cause, tries, parked_at,"
                       " next_try) VALUES ($1, $2, $3, $4, $5, $6, $7)"),
          inbox, parked.key, Bytes(bytes), parked.cause, parked.tries,
          ToSql(parked.parked_at), parked.is_held ? nullptr : next_try.c_str());
      return absl::OkStatus();
    });
  }

  absl::StatusOr<bool> Lock(Transaction& tx, const std::string& inbox,
                            std::int64_t id) override {
    return postgres::CatchingAll("locking a parked message", [&] {
      const pqxx::result rows = tx.sql()->exec_params(
          absl::StrCat("SELECT 1 FROM ", Parked(tx),
                       " WHERE inbox = $1 AND id = $2 FOR UPDATE"),
          inbox, id);
      return absl::StatusOr<bool>(!rows.empty());
    });
  }

  absl::Status Update(Transaction& tx, const std::string& inbox,
                      const ParkedMessage& parked) override {
    return postgres::CatchingAll("updating a parked message", [&] {
      tx.sql()->exec_params(
          absl::StrCat("UPDATE ", Parked(tx),
                       " SET cause = $3, tries = $4, next_try = $5"
                       " WHERE inbox = $1 AND id = $2"),
          inbox, parked.id, parked.cause, parked.tries, ToSql(parked.next_try));
      return absl::OkStatus();
    });
  }

  absl::Status Unpark(Transaction& tx, const std::string& inbox,
                      const ParkedMessage& parked, absl::Time now) override {
    return postgres::CatchingAll("unparking a message", [&] {
      tx.sql()->exec_params(absl::StrCat("DELETE FROM ", Parked(tx),
                                         " WHERE inbox = $1 AND id = $2"),
                            inbox, parked.id);
      // A statement of its own, to see what was put behind it meanwhile.
      if (!parked.key.empty()) {
        tx.sql()->exec_params(
            absl::StrCat("UPDATE ", Parked(tx),
                         " SET next_try = $3 WHERE next_try IS NULL AND id ="
                         " (SELECT min(id) FROM ",
                         Parked(tx), " WHERE inbox = $1 AND key = $2)"),
            inbox, parked.key, ToSql(now));
      }
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::optional<ParkedMessage>> NextDue(
      const std::string& inbox, absl::Time now) override {
    std::optional<ParkedMessage> due;
    // By inbox_parked_by_next_try.
    STELE_RETURN_IF_ERROR(
        Select(absl::StrCat("WHERE inbox = $1 AND next_try <= $2"
                            " ORDER BY next_try, id LIMIT $3"),
               inbox, ToSql(now), 1,
               [&](ParkedMessage parked) { due = std::move(parked); }));
    return due;
  }

  absl::StatusOr<std::vector<ParkedMessage>> List(const std::string& inbox,
                                                  std::int64_t after_id,
                                                  std::int64_t limit) override {
    std::vector<ParkedMessage> list;
    STELE_RETURN_IF_ERROR(Select(
        "WHERE inbox = $1 AND id > $2 ORDER BY id LIMIT $3", inbox,
        absl::StrCat(after_id), limit,
        [&](ParkedMessage parked) { list.push_back(std::move(parked)); }));
    return list;
  }

  absl::StatusOr<std::int64_t> CountParkedKeys(
      const std::string& inbox) override {
    std::int64_t count = 0;
    STELE_RETURN_IF_ERROR(store_.Transact([&](Transaction& tx) {
      return postgres::CatchingAll("counting parked keys", [&] {
        count =
            tx.sql()
                ->exec_params(absl::StrCat("SELECT count(*) FROM ", Parked(tx),
                                           " WHERE inbox = $1 AND"
                                           " next_try IS NOT NULL"),
                              inbox)[0][0]
                .as<std::int64_t>();
        return absl::OkStatus();
      });
    }));
    return count;
  }

  absl::Status Retry(const std::string& inbox, std::int64_t id) override {
    return OnFirst(inbox, id, [&](Transaction& tx, ParkedMessage parked) {
      parked.next_try = absl::UnixEpoch();
      return Update(tx, inbox, parked);
    });
  }

  absl::Status Discard(const std::string& inbox, std::int64_t id) override {
    return OnFirst(inbox, id, [&](Transaction& tx, ParkedMessage parked) {
      return Unpark(tx, inbox, parked, absl::UnixEpoch());
    });
  }

  absl::StatusOr<std::int64_t> Prune(const std::string& inbox,
                                     absl::Time before,
                                     std::int64_t limit) override {
    std::int64_t pruned = 0;
    STELE_RETURN_IF_ERROR(store_.Transact([&](Transaction& tx) {
      return postgres::CatchingAll("forgetting handled messages", [&] {
        // By inbox_handled_by_age.
        const pqxx::result done = tx.sql()->exec_params(
            absl::StrCat("DELETE FROM ", Handled(tx),
                         " WHERE inbox = $1 AND message_id IN"
                         " (SELECT message_id FROM ",
                         Handled(tx),
                         " WHERE inbox = $1 AND handled_at < $2"
                         " ORDER BY handled_at LIMIT $3)"),
            inbox, ToSql(before), limit);
        pruned = static_cast<std::int64_t>(done.affected_rows());
        return absl::OkStatus();
      });
    }));
    return pruned;
  }

 private:
  static std::string Handled(Transaction& tx) {
    return absl::StrCat(postgres::QuoteIdentifier(tx.schema()),
                        ".inbox_handled");
  }
  static std::string Parked(Transaction& tx) {
    return absl::StrCat(postgres::QuoteIdentifier(tx.schema()),
                        ".inbox_parked");
  }

  template <typename Visit>
  absl::Status Select(const std::string& where, const std::string& inbox,
                      const std::string& second, std::int64_t limit,
                      Visit visit) {
    return store_.Transact([&](Transaction& tx) {
      return postgres::CatchingAll("reading parked messages", [&] {
        const pqxx::result rows = tx.sql()->exec_params(
            absl::StrCat("SELECT ", kColumns, " FROM ", Parked(tx), " ", where),
            inbox, second, limit);
        for (const pqxx::row& row : rows) {
          visit(Row(row));
        }
        return absl::OkStatus();
      });
    });
  }

  // Runs `work` with a message that is parked and first of its key, locked.
  template <typename Work>
  absl::Status OnFirst(const std::string& inbox, std::int64_t id, Work work) {
    return store_.Transact([&](Transaction& tx) {
      return postgres::CatchingAll("changing a parked message", [&] {
        const pqxx::result rows = tx.sql()->exec_params(
            absl::StrCat("SELECT ", kColumns, " FROM ", Parked(tx),
                         " WHERE inbox = $1 AND id = $2 FOR UPDATE"),
            inbox, id);
        if (rows.empty())
          return absl::NotFoundError(
              absl::StrCat("inbox ", inbox, " has no parked message ", id));
        const ParkedMessage parked = Row(rows[0]);
        if (parked.is_held)
          return absl::FailedPreconditionError(
              absl::StrCat("message ", id, " of inbox ", inbox,
                           " is held behind an earlier one of its key"));
        return absl::Status(work(tx, parked));
      });
    });
  }

  EventStore& store_;
};

}  // namespace

std::unique_ptr<InboxStorage> MakePostgresInboxStorage(EventStore& store) {
  return std::make_unique<PostgresInboxStorage>(store);
}

}  // namespace stele::outbox_internal
