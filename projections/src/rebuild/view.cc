#include "rebuild/view.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sql_text.h"
#include "stele/base/status.h"
#include "stele/postgres/identifier.h"

namespace stele::projections_internal {
namespace {

struct ColumnInfo {
  std::string name;
  std::string type;
  bool operator==(const ColumnInfo&) const = default;
};

// The columns of a table or view; empty if there is none of this name.
std::vector<ColumnInfo> ColumnsOf(Registry& registry,
                                  const std::string& relation) {
  std::vector<ColumnInfo> columns;
  for (const pqxx::row& row : registry.sql().exec_params(
           "SELECT attname, format_type(atttypid, atttypmod) || "
           "coalesce(attcollation::regcollation::text, '') "
           "FROM pg_attribute WHERE attrelid = to_regclass($1) "
           "AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
           relation)) {
    columns.push_back({row[0].as<std::string>(), row[1].as<std::string>()});
  }
  return columns;
}

// CREATE OR REPLACE VIEW may only append columns.
bool CanReplace(const std::vector<ColumnInfo>& old_columns,
                const std::vector<ColumnInfo>& new_columns) {
  return old_columns.size() <= new_columns.size() &&
         std::equal(old_columns.begin(), old_columns.end(),
                    new_columns.begin());
}

std::vector<std::string> DependentsOf(Registry& registry,
                                      const std::string& view) {
  std::vector<std::string> dependents;
  for (const pqxx::row& row : registry.sql().exec_params(
           "SELECT DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass THEN "
           "(SELECT r.ev_class::regclass::text FROM pg_rewrite r "
           "WHERE r.oid = d.objid) "
           "ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END "
           "FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass "
           "AND d.refobjid = to_regclass($1) AND d.deptype = 'n' "
           // Its own rule speaks of the view, too.
           "AND NOT EXISTS (SELECT FROM pg_rewrite own "
           "WHERE d.classid = 'pg_rewrite'::regclass AND own.oid = d.objid "
           "AND own.ev_class = d.refobjid) ORDER BY 1",
           view)) {
    dependents.push_back(row[0].as<std::string>(""));
  }
  return dependents;
}

// What must be said again after the view was made anew.
std::vector<std::string> GrantsOn(Registry& registry, const std::string& view) {
  std::vector<std::string> statements;
  for (const pqxx::row& row : registry.sql().exec_params(
           "SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, $1::text,"
           " CASE a.grantee WHEN 0 THEN 'PUBLIC' "
           "ELSE a.grantee::regrole::text END, "
           "CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
           "FROM pg_class c, aclexplode(c.relacl) a "
           "WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner",
           view)) {
    statements.push_back(row[0].as<std::string>());
  }
  return statements;
}

std::string ViewSql(const std::string& view, const std::string& table,
                    const std::vector<ColumnInfo>& columns,
                    std::string_view verb) {
  return absl::StrCat(
      absl::string_view(verb.data(), verb.size()), " VIEW ", view,
      " AS SELECT ",
      absl::StrJoin(columns, ", ",
                    [](std::string* out, const ColumnInfo& column) {
                      absl::StrAppend(out,
                                      postgres::QuoteIdentifier(column.name));
                    }),
      " FROM ", table);
}

}  // namespace

absl::Status ShowVersion(Registry& registry, const RegistryRow& row,
                         const VersionRow& version) {
  const std::string view = QuoteTable(row.read_schema, row.view);
  const std::string table = QuoteTable(row.read_schema, version.table);
  const std::vector<ColumnInfo> old_columns = ColumnsOf(registry, view);
  const std::vector<ColumnInfo> new_columns = ColumnsOf(registry, table);
  if (CanReplace(old_columns, new_columns)) {
    registry.sql().exec(ViewSql(view, table, new_columns, "CREATE OR REPLACE"));
    return absl::OkStatus();
  }
  const std::vector<std::string> dependents = DependentsOf(registry, view);
  if (!dependents.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the columns of ", view,
        " change so that it must be made anew, but these depend on it: ",
        absl::StrJoin(dependents, ", "),
        "; drop them, and make them again after the switch"));
  }
  const std::vector<std::string> grants = GrantsOn(registry, view);
  registry.sql().exec(absl::StrCat("DROP VIEW ", view));
  registry.sql().exec(ViewSql(view, table, new_columns, "CREATE"));
  for (const std::string& grant : grants) registry.sql().exec(grant);
  return absl::OkStatus();
}

}  // namespace stele::projections_internal
