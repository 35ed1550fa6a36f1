#ifndef STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_SQL_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_SQL_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/statement.h"

namespace stele::postgres_store {

using enum postgres::Type;
using postgres::Statement;

// The statements on the tables of 0007_consumers.sql, for one schema.
struct ConsumerSql {
  explicit ConsumerSql(const std::string& schema)
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
           "INSERT INTO {schema}.checkpoints (consumer, slot, position) "
           "SELECT $1, g, $3 FROM generate_series(0, $2 - 1) AS g",
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
  // Before the consumer's row, which leases are renewed under: whoever waits
  // for a checkpoint that is being moved keeps nobody from that.
  const Statement lock_slots =
      Make("stele_lock_slots",
           "SELECT slot FROM {schema}.checkpoints WHERE consumer = $1 ORDER BY "
           "slot FOR NO KEY UPDATE",
           {kText});
  const Statement lock_owned_slots =
      Make("stele_lock_owned_slots",
           "SELECT slot FROM {schema}.checkpoints WHERE consumer = $1 AND "
           "lease_owner = $2 ORDER BY slot FOR NO KEY UPDATE",
           {kText, kText});
  const Statement acquire =
      Make("stele_acquire",
           "SELECT slots, epochs, positions FROM {schema}.acquire_slots($1, "
           "$2, $3, $4 * interval '1 microsecond')",
           {kText, kText, kTextArray, kInt8});
  const Statement renew =
      Make("stele_renew",
           "SELECT slots, epochs, positions FROM {schema}.renew_slots($1, $2, "
           "$3, $4 * interval '1 microsecond')",
           {kText, kText, kTextArray, kInt8});
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
  const Statement suspend_owner =
      Make("stele_suspend_owner",
           "UPDATE {schema}.consumer_owners SET live_until = "
           "clock_timestamp() WHERE consumer = $1 AND owner = $2",
           {kText, kText});
  // The lease and the position are compared as the row is changed: whoever lost
  // either changes nothing. Nor does who yields: what it read before it had to
  // was in the log before, too.
  const Statement advance = Make(
      "stele_advance",
      "UPDATE {schema}.checkpoints c SET position = a.new_position, "
      "updated_at = clock_timestamp() FROM (SELECT * FROM unnest($2, $3, "
      "$4, $5, $6) AS u (slot, epoch, old_position, new_position, owner)) AS a "
      "WHERE c.consumer = $1 AND c.slot = a.slot AND c.lease_epoch = a.epoch "
      "AND c.lease_owner = a.owner AND c.position = a.old_position "
      "AND NOT EXISTS (SELECT FROM {schema}.consumer_owners o WHERE "
      "o.consumer = c.consumer AND o.owner = a.owner AND o.yields) "
      "RETURNING c.slot",
      {kText, kInt4Array, kInt8Array, kInt8Array, kInt8Array, kTextArray});
  const Statement list_parked =
      Make("stele_list_parked",
           "SELECT p.key, p.slot, p.first_position, (SELECT count(*) FROM "
           "{schema}.parked_events e WHERE e.consumer = p.consumer AND e.key = "
           "p.key), p.tries, p.cause, p.parked_at, p.next_try, "
           "p.state::integer, p.discard_position FROM {schema}.parked p "
           "WHERE p.consumer = $1 "
           "ORDER BY p.key",
           {kText});
  const Statement held = Make(
      "stele_held",
      "SELECT position FROM {schema}.parked_events WHERE consumer = $1 AND "
      "key = $2 ORDER BY position LIMIT $3",
      {kText, kBytea, kInt8});
  // A wish to discard (2: one, 3: all) outlasts a retry that was under way (0),
  // unless the one is no longer the first.
  const Statement park =
      Make("stele_park",
           "INSERT INTO {schema}.parked (consumer, key, slot, first_position, "
           "tries, cause, parked_at, next_try, state) SELECT c.name, $2, $3, "
           "$4, $5, $6, $7, $8, $9 FROM {schema}.consumers c WHERE c.name = $1 "
           "ON CONFLICT (consumer, key) DO UPDATE SET slot = excluded.slot, "
           "first_position = excluded.first_position, tries = excluded.tries, "
           "cause = excluded.cause, parked_at = excluded.parked_at, next_try = "
           "excluded.next_try, (state, discard_position) = (SELECT CASE WHEN "
           "k.keeps THEN parked.state ELSE excluded.state END, CASE WHEN "
           "k.keeps THEN parked.discard_position ELSE 0 END FROM (SELECT "
           "excluded.state = 0 AND (parked.state = 3 OR (parked.state = 2 AND "
           "parked.discard_position = excluded.first_position)) AS keeps) AS "
           "k) RETURNING slot",
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
      "AND position = $3 RETURNING position",
      {kText, kBytea, kInt8});
  // A new statement, to see that the last event is gone.
  const Statement unpark =
      Make("stele_unpark",
           "DELETE FROM {schema}.parked p WHERE p.consumer = $1 AND p.key = $2 "
           "AND NOT EXISTS (SELECT FROM {schema}.parked_events e WHERE "
           "e.consumer = $1 AND e.key = $2)",
           {kText, kBytea});
  const Statement request =
      Make("stele_request_parked",
           "UPDATE {schema}.parked SET state = $3, discard_position = 0 WHERE "
           "consumer = $1 AND key = $2 RETURNING slot",
           {kText, kBytea, kInt4});
  // Answers with the first position held, for the caller to compare.
  const Statement request_discard =
      Make("stele_request_discard",
           "UPDATE {schema}.parked p SET state = 2, discard_position = $3 "
           "WHERE p.consumer = $1 AND p.key = $2 RETURNING (SELECT "
           "coalesce(min(e.position), 0) FROM {schema}.parked_events e WHERE "
           "e.consumer = p.consumer AND e.key = p.key)",
           {kText, kBytea, kInt8});
  // An owner whose lease has expired is none.
  static constexpr char kListSql[] =
      "SELECT n.name, n.is_paused, (SELECT count(*) FROM {schema}.parked p "
      "WHERE p.consumer = n.name), c.slot, c.position, c.lease_epoch, "
      "CASE WHEN c.lease_until > clock_timestamp() THEN "
      "coalesce(c.lease_owner, '') ELSE '' END, c.lease_until, c.updated_at "
      "FROM "
      "{schema}.consumers n JOIN {schema}.checkpoints c ON c.consumer = "
      "n.name";
  const Statement list =
      Make("stele_list_consumers",
           absl::StrCat(kListSql, " ORDER BY n.name, c.slot").c_str(), {});
  const Statement find_status =
      Make("stele_find_consumer_status",
           absl::StrCat(kListSql, " WHERE n.name = $1 ORDER BY c.slot").c_str(),
           {kText});
  // A row for each event type, or one without for an owner that handles all.
  static constexpr char kOwnersSql[] =
      "SELECT o.consumer, o.owner, o.live_until, o.yields, t.type FROM "
      "{schema}.consumer_owners o LEFT JOIN LATERAL unnest(o.types) AS t "
      "(type) ON true WHERE o.awaited_until > clock_timestamp()";
  const Statement list_owners = Make(
      "stele_list_consumer_owners",
      absl::StrCat(kOwnersSql, " ORDER BY o.consumer, o.owner, t.type").c_str(),
      {});
  const Statement find_owners = Make(
      "stele_find_consumer_owners",
      absl::StrCat(kOwnersSql, " AND o.consumer = $1 ORDER BY o.owner, t.type")
          .c_str(),
      {kText});
  const Statement set_paused =
      Make("stele_set_paused",
           "UPDATE {schema}.consumers SET is_paused = $2 WHERE name = $1 "
           "RETURNING slots",
           {kText, kBool});
  const Statement reset =
      Make("stele_reset",
           "UPDATE {schema}.checkpoints SET position = $2, lease_epoch = "
           "lease_epoch + 1, updated_at = clock_timestamp() WHERE consumer = "
           "$1",
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
      Make("stele_forget_owners",
           "DELETE FROM {schema}.consumer_owners WHERE consumer = $1", {kText}),
      Make("stele_forget_parked",
           "DELETE FROM {schema}.parked WHERE consumer = $1", {kText}),
      Make("stele_forget_events",
           "DELETE FROM {schema}.parked_events WHERE consumer = $1", {kText}),
      Make("stele_forget_slots",
           "DELETE FROM {schema}.checkpoints WHERE consumer = $1", {kText}),
      Make("stele_forget_consumer",
           "DELETE FROM {schema}.consumers WHERE name = $1", {kText}),
  };
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_SQL_H_
