#include "rebuild/compare.h"

#include <pqxx/pqxx>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/identifier.h"
#include "stele/postgres/session.h"

namespace stele::projections_internal {
namespace {

std::set<std::string> ColumnsOf(Registry& registry, const std::string& table) {
  std::set<std::string> columns;
  for (const pqxx::row& row : registry.sql().exec_params(
           "SELECT attname || ' ' || format_type(atttypid, atttypmod) "
           "FROM pg_attribute WHERE attrelid = to_regclass($1) "
           "AND attnum > 0 AND NOT attisdropped",
           table)) {
    columns.insert(row[0].as<std::string>());
  }
  return columns;
}

class Comparison {
 public:
  Comparison(Transaction& tx, const RegistryRow& row, const VersionRow& live,
             const VersionRow& built, const Projection& projection)
      : registry_(tx),
        row_(row),
        live_(live),
        built_(built),
        shape_(projection.shape),
        types_(ArrayOf(projection.event_types)),
        live_table_(QuoteTable(row.read_schema, live.table)),
        built_table_(QuoteTable(row.read_schema, built.table)) {}

  // Estimated by the planner's statistics, or by size where there are none.
  std::int64_t Rows() {
    return registry_.sql()
        .exec_params(
            "SELECT max(CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint "
            "ELSE pg_relation_size(c.oid) / 32 END) FROM pg_class c "
            "WHERE c.oid IN (to_regclass($1), to_regclass($2))",
            live_table_, built_table_)[0][0]
        .as<std::int64_t>(0);
  }

  // True iff both hold the same events.
  bool IsAtSamePosition() {
    return registry_.sql()
        .exec(absl::StrCat("SELECT ", SamePosition()))[0][0]
        .as<bool>(false);
  }

  std::optional<std::string> Run() {
    if (shape_.keys.empty()) return CountOnly();
    const pqxx::result found = registry_.sql().exec(absl::StrCat(
        "SELECT ", SamePosition(),
        ", count(*) FILTER (WHERE n.\"#there\" IS NULL), "
        "count(*) FILTER (WHERE o.\"#there\" IS NULL), "
        "count(*) FILTER (WHERE o.\"#there\" AND n.\"#there\" AND (",
        Columns("o"), ") IS DISTINCT FROM (", Columns("n"),
        ")), count(n.\"#there\") FROM (SELECT true AS \"#there\", * FROM ",
        live_table_, ") o FULL JOIN (SELECT true AS \"#there\", * FROM ",
        built_table_, ") n ON ", KeyMatch()));
    const pqxx::row& row = found[0];
    if (!row[0].as<bool>(false)) return std::nullopt;
    const auto only_old = row[1].as<std::int64_t>();
    const auto only_new = row[2].as<std::int64_t>();
    const auto changed = row[3].as<std::int64_t>();
    const auto rows = row[4].as<std::int64_t>();
    if (only_old + only_new + changed == 0) {
      return absl::StrCat("identical: ", rows, " rows");
    }
    return absl::StrCat("different: ", rows, " rows, of which ", changed,
                        " changed and ", only_new, " new; ", only_old,
                        " no longer there");
  }

 private:
  std::optional<std::string> CountOnly() {
    const pqxx::row row = registry_.sql().exec1(absl::StrCat(
        "SELECT ", SamePosition(), ", (SELECT count(*) FROM ", live_table_,
        "), (SELECT count(*) FROM ", built_table_, ")"));
    if (!row[0].as<bool>(false)) return std::nullopt;
    return absl::StrCat(
        "counted only, for the table has no key: ", row[1].as<std::int64_t>(),
        " rows before, ", row[2].as<std::int64_t>(), " now");
  }

  // Where the least, or the foremost, slot of a version is.
  std::string Slot(std::string_view which, const VersionRow& version) const {
    return absl::StrCat("(SELECT ", ToAbsl(which), "(position) FROM ",
                        registry_.Table("checkpoints"), " WHERE consumer = ",
                        registry_.sql().quote(version.consumer), ")");
  }

  // True iff the projection has no event between the slot that is furthest
  // behind and the one that is furthest ahead, of both. A subquery, so that it
  // is of the same snapshot as the rows.
  std::string SamePosition() const {
    const std::string end = absl::StrCat("(SELECT max(position) FROM ",
                                         registry_.Table("events"), ")");
    const bool is_inline = live_.feed == Feed::kAppends;
    const std::string from = is_inline
                                 ? Slot("min", built_)
                                 : absl::StrCat("least(", Slot("min", built_),
                                                ", ", Slot("min", live_), ")");
    const std::string to = is_inline
                               ? end
                               : absl::StrCat("greatest(", Slot("max", built_),
                                              ", ", Slot("max", live_), ")");
    // Of a consumer that has not begun, nothing is known.
    const std::string known =
        is_inline ? absl::StrCat(Slot("min", built_), " IS NOT NULL")
                  : absl::StrCat(Slot("min", built_), " IS NOT NULL AND ",
                                 Slot("min", live_), " IS NOT NULL");
    return absl::StrCat(
        "(", known, " AND NOT EXISTS (SELECT FROM ", registry_.Table("events"),
        " e JOIN ", registry_.Table("event_types"),
        " t USING (type_id) WHERE t.name = ANY(", registry_.sql().quote(types_),
        "::text[]) AND e.position > ", from, " AND e.position <= ", to, "))");
  }

  // ROW() of the columns that both tables have.
  std::string Columns(const std::string& alias) {
    const std::set<std::string> old_columns = ColumnsOf(registry_, live_table_);
    const std::set<std::string> new_columns =
        ColumnsOf(registry_, built_table_);
    std::vector<std::string> common;
    for (const std::string& column : old_columns) {
      if (!new_columns.contains(column)) continue;
      common.push_back(absl::StrCat(
          alias, ".",
          postgres::QuoteIdentifier(column.substr(0, column.find(' ')))));
    }
    return absl::StrCat("ROW(", absl::StrJoin(common, ", "), ")");
  }

  std::string KeyMatch() const {
    return absl::StrJoin(shape_.keys, " AND ", [&](std::string* out, int key) {
      const std::string name =
          postgres::QuoteIdentifier(shape_.columns[key].name);
      absl::StrAppend(out, "o.", name, " = n.", name);
    });
  }

  mutable Registry registry_;
  const RegistryRow& row_;
  const VersionRow& live_;
  const VersionRow& built_;
  const TableShape& shape_;
  const std::string types_;
  const std::string live_table_;
  const std::string built_table_;
};

}  // namespace

absl::StatusOr<std::optional<std::string>> CompareVersions(
    EventStore& store, const RegistryRow& row, const VersionRow& live,
    const VersionRow& built, const Projection& projection,
    std::int64_t rows_max) {
  std::optional<std::string> words;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      // It reads two whole tables.
      STELE_RETURN_IF_ERROR(
          postgres::AllowLongStatements(*tx.sql(), absl::Hours(1)));
      Comparison comparison(tx, row, live, built, projection);
      if (comparison.Rows() > rows_max) {
        return absl::ResourceExhaustedError(
            absl::StrCat("the tables have more than ", rows_max, " rows"));
      }
      if (comparison.IsAtSamePosition()) words = comparison.Run();
      return absl::OkStatus();
    });
  }));
  return words;
}

}  // namespace stele::projections_internal
