#include "postgres/statements.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "stele/postgres/identifier.h"

namespace stele::postgres_store {
namespace {

using enum postgres::Type;
using postgres::Statement;

constexpr char kEventColumns[] =
    "position, stream_key, version, recorded_at, event_id, type_id, metadata, "
    "payload";

std::string LogSql(const char* filter) {
  // Served by the primary key of each partition in range.
  return absl::StrCat("SELECT ", kEventColumns,
                      " FROM {schema}.events WHERE position > $1 AND "
                      "position <= $2",
                      filter, " ORDER BY position LIMIT $3");
}

std::string RowsSql(const char* direction) {
  return absl::StrCat(
      "SELECT position, event_id FROM {schema}.events WHERE position > $1 AND "
      "position <= $2 ORDER BY position ",
      direction, " LIMIT $3");
}

// The range of positions prunes the partitions; the (stream_key, version) index
// of those that are left serves it.
std::string StreamSql(const char* direction) {
  return absl::StrCat(
      "SELECT ", kEventColumns,
      " FROM {schema}.events WHERE stream_key = $1 AND version >= $2 AND "
      "version <= $3 AND position >= $4 AND position <= $5 ORDER BY version ",
      direction, " LIMIT $6");
}

class Maker {
 public:
  explicit Maker(const std::string& schema)
      : schema_(postgres::QuoteIdentifier(schema)) {}

  Statement operator()(const char* name, const std::string& sql,
                       std::vector<postgres::Type> types) const {
    return {name, absl::StrReplaceAll(sql, {{"{schema}", schema_}}),
            std::move(types)};
  }

 private:
  std::string schema_;
};

}  // namespace

// A table of all statements: each is told by itself, so it is one long
// function.
Statements::Statements(const std::string& schema) {
  const Maker make(schema);
  append = make(
      "stele_append",
      "SELECT * FROM {schema}.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
      "$11, $12, $13, $14, $15, $16)",
      {kTextArray, kInt4Array, kInt4Array, kInt8Array, kBool, kUuidArray,
       kBoolArray, kBool, kInt4Array, kInt4Array, kInt4Array, kUuidArray,
       kInt4Array, kByteaArray, kByteaArray, kInt4});
  append_check = make(
      "stele_append_check",
      "SELECT * FROM {schema}.append_check($1, $2, $3, $4, $5, $6, $7, $8, $9, "
      "$10, $11)",
      {kTextArray, kInt4Array, kInt4Array, kInt8Array, kBool, kUuidArray,
       kBoolArray, kInt4Array, kInt4Array, kUuidArray, kInt4});
  append_write = make(
      "stele_append_write",
      "SELECT {schema}.append_write($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
      "$11, $12, $13, $14, $15)",
      {kInt8Array, kInt8Array, kInt2Array, kInt4Array, kUuidArray, kBoolArray,
       kBool, kInt4Array, kInt4Array, kTimestamp, kInt4Array, kUuidArray,
       kInt4Array, kByteaArray, kByteaArray});
  // Wait a moment only, in their transactions alone: another session may have
  // registered the same name, and not have committed that.
  intern_types = make("stele_intern_types",
                      "SELECT {schema}.intern_types($1) FROM "
                      "pg_catalog.set_config('lock_timeout', '100ms', true)",
                      {kTextArray});
  intern_categories =
      make("stele_intern_categories",
           "SELECT {schema}.intern_categories($1) FROM "
           "pg_catalog.set_config('lock_timeout', '100ms', true)",
           {kTextArray});

  // Of the identity of a server's run: the database and the log in it, when the
  // server was started, and when it last recovered from a crash of a process,
  // which is when it begins its statistics anew. Then the epoch, the least
  // position at which there is another event than was seen, or none, and the
  // last position.
  history = make(
      "stele_history",
      "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.concat_ws(' ', "
      "(SELECT "
      "d.oid FROM pg_catalog.pg_database d WHERE d.datname = "
      "pg_catalog.current_database()), "
      "'{schema}.positions'::pg_catalog.regclass::oid, "
      "extract(epoch FROM pg_catalog.pg_postmaster_start_time()), "
      "extract(epoch FROM "
      "pg_catalog.pg_stat_get_bgwriter_stat_reset_time())), s.epoch, "
      "(SELECT pg_catalog.min(w.position) FROM ROWS FROM "
      "(pg_catalog.unnest($1), pg_catalog.unnest($2)) AS w (position, id) "
      "WHERE (SELECT e.event_id FROM {schema}.events e WHERE e.position = "
      "w.position) IS DISTINCT FROM w.id), coalesce((SELECT e.position FROM "
      "{schema}.events e ORDER BY e.position DESC LIMIT 1), 0) FROM "
      "{schema}.store s",
      {kInt8Array, kUuidArray});
  change_epoch =
      make("stele_change_epoch", "SELECT {schema}.change_epoch($1)", {kUuid});

  begin_anew = make("stele_begin_anew", "ROLLBACK AND CHAIN", {});
  end_session = make("stele_end_session",
                     "SELECT pg_catalog.pg_terminate_backend("
                     "pg_catalog.pg_backend_pid())",
                     {});

  last_position = make("stele_last_position",
                       "SELECT CASE WHEN p.is_called THEN p.last_value ELSE 0 "
                       "END, p.last_value + 5000000 > s.partitions_end, "
                       "s.epoch FROM {schema}.positions p, {schema}.store s",
                       {});
  // Not joined with pg_stat_activity: prepared transactions have no process.
  floors = make(
      "stele_floors",
      "SELECT l.objid::bigint FROM pg_catalog.pg_locks l WHERE "
      "l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = "
      "'{schema}.positions'::pg_catalog.regclass::oid AND l.database = (SELECT "
      "d.oid FROM pg_catalog.pg_database d WHERE d.datname = "
      "pg_catalog.current_database())",
      {});
  // Served by the primary key of the newest partitions, backwards.
  last_rows = make("stele_last_rows", RowsSql("DESC"), {kInt8, kInt8, kInt8});
  first_rows = make("stele_first_rows", RowsSql("ASC"), {kInt8, kInt8, kInt8});
  last_event = make("stele_last_event",
                    "SELECT position FROM {schema}.events ORDER BY position "
                    "DESC LIMIT 1",
                    {});
  notify = make("stele_notify", "SELECT pg_catalog.pg_notify($1, '')", {kText});
  extend_events = make("stele_extend_events",
                       "SELECT 1 FROM {schema}.extend_events($1)", {kInt8});

  find_stream = make("stele_find_stream",
                     "SELECT stream_key, version, first_position, "
                     "last_position, is_tombstoned FROM {schema}.streams WHERE "
                     "name = $1",
                     {kText});
  const std::vector<postgres::Type> of_stream = {kInt8, kInt8, kInt8,
                                                 kInt8, kInt8, kInt8};
  read_forwards = make("stele_read_forwards", StreamSql("ASC"), of_stream);
  read_backwards = make("stele_read_backwards", StreamSql("DESC"), of_stream);
  read_log = make("stele_read_log", LogSql(""), {kInt8, kInt8, kInt8});
  read_log_categories =
      make("stele_read_log_categories", LogSql(" AND category_id = ANY ($4)"),
           {kInt8, kInt8, kInt8, kInt4Array});
  read_log_types =
      make("stele_read_log_types", LogSql(" AND type_id = ANY ($4)"),
           {kInt8, kInt8, kInt8, kInt4Array});
  read_log_both =
      make("stele_read_log_both",
           LogSql(" AND category_id = ANY ($4) AND type_id = ANY ($5)"),
           {kInt8, kInt8, kInt8, kInt4Array, kInt4Array});
  stream_names = make("stele_stream_names",
                      "SELECT stream_key, name FROM {schema}.streams WHERE "
                      "stream_key = ANY ($1)",
                      {kInt8Array});
  type_names = make("stele_type_names",
                    "SELECT type_id, name FROM {schema}.event_types WHERE "
                    "type_id = ANY ($1)",
                    {kInt4Array});
  type_ids = make("stele_type_ids",
                  "SELECT type_id, name FROM {schema}.event_types WHERE name = "
                  "ANY ($1)",
                  {kTextArray});
  category_ids = make("stele_category_ids",
                      "SELECT category_id, name FROM {schema}.categories WHERE "
                      "name = ANY ($1)",
                      {kTextArray});
  find_command =
      make("stele_find_command",
           "SELECT a.first_version, a.last_version, a.position FROM "
           "{schema}.streams s JOIN {schema}.append_ids a ON a.stream_key = "
           "s.stream_key WHERE s.name = $1 AND a.id = $2 AND a.is_command",
           {kText, kUuid});
  load_snapshot = make("stele_load_snapshot",
                       "SELECT p.version, p.fingerprint, p.state FROM "
                       "{schema}.streams s JOIN {schema}.snapshots p ON "
                       "p.stream_key = s.stream_key WHERE s.name = $1",
                       {kText});
  save_snapshot = make(
      "stele_save_snapshot",
      "WITH found AS (SELECT s.stream_key, s.version FROM {schema}.streams s "
      "WHERE s.name = $1 AND NOT s.is_tombstoned), saved AS ("
      "INSERT INTO {schema}.snapshots AS p (stream_key, version, fingerprint, "
      "state) SELECT f.stream_key, $2, $3, $4 FROM found f WHERE f.version >= "
      "$2 ON CONFLICT (stream_key) DO UPDATE "
      "SET version = excluded.version, fingerprint = excluded.fingerprint, "
      "state = excluded.state, saved_at = now() WHERE excluded.version >= "
      "p.version) SELECT f.version FROM found f",
      {kText, kInt8, kText, kBytea});
}

}  // namespace stele::postgres_store
