#include "registry.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sql_text.h"
#include "stele/base/strings.h"
#include "stele/postgres/identifier.h"

namespace stele::projections_internal {
namespace {

std::string_view TextOf(VersionState state) {
  switch (state) {
    case VersionState::kBuilding:
      return "building";
    case VersionState::kActive:
      return "active";
    case VersionState::kPrevious:
      return "previous";
    case VersionState::kDropped:
      return "dropped";
    case VersionState::kGone:
      return "gone";
  }
  return "gone";
}

VersionState StateOf(const std::string& text) {
  for (const VersionState state :
       {VersionState::kBuilding, VersionState::kActive, VersionState::kPrevious,
        VersionState::kDropped}) {
    if (TextOf(state) == text) return state;
  }
  return VersionState::kGone;
}

std::optional<int> OptionalInt(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<int>();
}

absl::Time TimeOf(const pqxx::field& micros) {
  return absl::FromUnixMicros(micros.as<std::int64_t>(0));
}

std::vector<std::string> ElementsOf(const pqxx::field& array) {
  std::vector<std::string> elements;
  pqxx::array_parser parser = array.as_array();
  for (auto next = parser.get_next();
       next.first != pqxx::array_parser::juncture::done;
       next = parser.get_next()) {
    if (next.first == pqxx::array_parser::juncture::string_value) {
      elements.push_back(next.second);
    }
  }
  return elements;
}

VersionRow VersionOf(const pqxx::row& row) {
  VersionRow version;
  version.version = row[0].as<int>();
  version.fingerprint = row[1].as<std::string>();
  version.table = row[2].as<std::string>();
  version.state = StateOf(row[3].as<std::string>());
  version.feed =
      row[4].as<std::string>() == "log" ? Feed::kLog : Feed::kAppends;
  version.consumer = row[5].as<std::string>();
  version.start_position = row[6].as<std::int64_t>();
  version.feeds = row[7].as<int>();
  version.is_warm = row[8].as<bool>();
  version.event_types = ElementsOf(row[9]);
  return version;
}

RegistryRow RowOf(const pqxx::row& row) {
  RegistryRow out;
  out.name = row[0].as<std::string>();
  out.read_schema = row[1].as<std::string>();
  out.view = row[2].as<std::string>();
  out.is_inline = row[3].as<bool>();
  out.active = OptionalInt(row[4]);
  out.previous = OptionalInt(row[5]);
  out.building = OptionalInt(row[6]);
  if (!row[7].is_null()) out.requested_fingerprint = row[7].as<std::string>();
  out.builder = row[8].as<std::string>("");
  out.is_builder_alive = row[9].as<bool>(false);
  out.build_phase = row[10].as<std::string>();
  out.build_started_at = TimeOf(row[11]);
  out.build_position = row[12].as<std::int64_t>();
  out.build_rate = row[13].as<double>();
  out.last_error = row[14].as<std::string>();
  out.comparison = row[15].as<std::string>();
  if (!row[16].is_null()) out.switched_at = TimeOf(row[16]);
  return out;
}

std::string CreateTableSql(const Projection& projection,
                           const std::string& table) {
  std::vector<std::string> lines;
  for (const Column& column : projection.shape.columns) {
    lines.push_back(Declaration(column));
  }
  if (!projection.shape.keys.empty()) {
    lines.push_back(absl::StrCat(
        "PRIMARY KEY (",
        absl::StrJoin(projection.shape.keys, ", ",
                      [&](std::string* out, int i) {
                        absl::StrAppend(out,
                                        postgres::QuoteIdentifier(
                                            projection.shape.columns[i].name));
                      }),
        ")"));
  }
  return absl::StrCat("CREATE TABLE ", table, " (", absl::StrJoin(lines, ", "),
                      ")");
}

}  // namespace

const VersionRow* RegistryRow::Version(std::optional<int> version) const {
  for (const VersionRow& row : versions) {
    if (row.version == version) return &row;
  }
  return nullptr;
}

const VersionRow* RegistryRow::NewestOf(std::string_view fingerprint) const {
  const VersionRow* newest = nullptr;
  for (const VersionRow& row : versions) {
    if (row.fingerprint == fingerprint) newest = &row;
  }
  return newest;
}

Registry::Registry(Transaction& tx) : sql_(*tx.sql()), schema_(tx.schema()) {}

std::string Registry::Table(std::string_view name) const {
  return QuoteTable(schema_, name);
}

std::vector<std::string> Registry::Names() {
  std::vector<std::string> names;
  for (const pqxx::row& row : sql_.exec(absl::StrCat(
           "SELECT name FROM ", Table("projections"), " ORDER BY name"))) {
    names.push_back(row[0].as<std::string>());
  }
  return names;
}

std::optional<RegistryRow> Registry::Find(const std::string& name) {
  const pqxx::result found = sql_.exec_params(
      absl::StrCat(
          "SELECT name, read_schema, view_name, is_inline, active, previous, "
          "building, requested_fingerprint, builder, "
          "coalesce(builder_until > clock_timestamp(), false), build_phase, "
          "(extract(epoch FROM build_started_at) * 1000000)::bigint, "
          "build_position, build_rate, last_error, comparison, "
          "(extract(epoch FROM switched_at) * 1000000)::bigint FROM ",
          Table("projections"), " WHERE name = $1"),
      name);
  if (found.empty()) return std::nullopt;
  RegistryRow row = RowOf(found[0]);
  for (const pqxx::row& version : sql_.exec_params(
           absl::StrCat("SELECT version, fingerprint, table_name, state, feed, "
                        "consumer, start_position, feeds, "
                        "coalesce(warm_until > clock_timestamp(), false), "
                        "event_types FROM ",
                        Table("projection_versions"),
                        " WHERE name = $1 ORDER BY version"),
           name)) {
    row.versions.push_back(VersionOf(version));
  }
  for (const pqxx::row& process : sql_.exec_params(
           absl::StrCat(
               "SELECT process, fingerprint, is_inline, last_error FROM ",
               Table("projection_processes"),
               " WHERE name = $1 AND alive_until > clock_timestamp() "
               "ORDER BY process"),
           name)) {
    row.processes.push_back(
        {process[0].as<std::string>(), process[1].as<std::string>(),
         process[2].as<bool>(), process[3].as<std::string>()});
  }
  return row;
}

void Registry::InsertProjection(const std::string& name,
                                const std::string& read_schema,
                                const std::string& view, bool is_inline) {
  sql_.exec_params(absl::StrCat("INSERT INTO ", Table("projections"),
                                " (name, read_schema, view_name, is_inline) "
                                "VALUES ($1, $2, $3, $4)"),
                   name, read_schema, view, is_inline);
}

VersionRow Registry::AddVersion(const RegistryRow& row,
                                const Projection& projection,
                                VersionState state, Feed feed,
                                std::int64_t start_position) {
  VersionRow added;
  added.version = row.versions.empty() ? 1 : row.versions.back().version + 1;
  added.fingerprint = projection.fingerprint;
  added.table = VersionTable(row.view, projection.fingerprint, added.version);
  added.state = state;
  added.feed = feed;
  added.consumer =
      ConsumerName(row.name, projection.fingerprint, added.version, 1);
  added.start_position = start_position;
  added.event_types = projection.event_types;
  sql_.exec(
      CreateTableSql(projection, QuoteTable(row.read_schema, added.table)));
  sql_.exec_params(
      absl::StrCat("INSERT INTO ", Table("projection_versions"),
                   " (name, version, fingerprint, table_name, state, feed, "
                   "consumer, start_position, event_types) VALUES ($1, $2, $3, "
                   "$4, $5, $6, $7, $8, $9::text[])"),
      row.name, added.version, added.fingerprint, added.table,
      std::string(TextOf(state)), feed == Feed::kLog ? "log" : "appends",
      added.consumer, added.start_position, ArrayOf(added.event_types));
  return added;
}

void Registry::SetState(const std::string& name, int version,
                        VersionState state) {
  sql_.exec_params(absl::StrCat("UPDATE ", Table("projection_versions"),
                                " SET state = $3 WHERE name = $1 AND "
                                "version = $2"),
                   name, version, std::string(TextOf(state)));
}

void Registry::SetInline(const std::string& name, bool is_inline) {
  sql_.exec_params(absl::StrCat("UPDATE ", Table("projections"),
                                " SET is_inline = $2 WHERE name = $1"),
                   name, is_inline);
}

void Registry::FeedFromLog(const std::string& name, const VersionRow& version,
                           std::int64_t start_position) {
  sql_.exec_params(absl::StrCat("UPDATE ", Table("projection_versions"),
                                " SET feed = 'log', start_position = $3, "
                                "feeds = feeds + 1, consumer = $4 "
                                "WHERE name = $1 AND version = $2"),
                   name, version.version, start_position,
                   ConsumerName(name, version.fingerprint, version.version,
                                version.feeds + 1));
}

void Registry::FeedFromAppends(const std::string& name,
                               const VersionRow& version) {
  sql_.exec_params(absl::StrCat("UPDATE ", Table("projection_versions"),
                                " SET feed = 'appends' "
                                "WHERE name = $1 AND version = $2"),
                   name, version.version);
}

void Registry::Guard(const std::string& name,
                     const std::vector<std::string>& types) {
  sql_.exec_params(
      absl::StrCat("SELECT ", Table("guard_inline"), "($1, $2::text[])"), name,
      ArrayOf(types));
}

void Registry::InternTypes(const std::vector<std::string>& types) {
  sql_.exec_params(
      absl::StrCat("SELECT ", Table("intern_types"), "($1::text[])"),
      ArrayOf(types));
}

void Registry::SayAlive(const std::string& name, const ProcessRow& process,
                        absl::Duration lease) {
  sql_.exec_params(
      absl::StrCat("INSERT INTO ", Table("projection_processes"),
                   " AS p (name, process, fingerprint, is_inline, alive_until, "
                   "last_error) VALUES ($1, $2, $3, $4, clock_timestamp() + "
                   "$5 * interval '1 microsecond', $6) "
                   "ON CONFLICT (name, process) DO UPDATE SET "
                   "fingerprint = excluded.fingerprint, "
                   "is_inline = excluded.is_inline, "
                   "alive_until = excluded.alive_until, "
                   "last_error = excluded.last_error"),
      name, process.process, process.fingerprint, process.is_inline,
      absl::ToInt64Microseconds(lease), ToValidUtf8(process.last_error));
}

void Registry::SayGone(const std::string& name, const std::string& process) {
  sql_.exec_params(absl::StrCat("DELETE FROM ", Table("projection_processes"),
                                " WHERE name = $1 AND process = $2"),
                   name, process);
}

std::string ConsumerName(std::string_view projection,
                         std::string_view fingerprint, int version, int feeds) {
  std::string name = absl::StrCat("projection/", ToAbsl(projection), "@",
                                  ToAbsl(fingerprint), "_", version);
  if (feeds > 1) absl::StrAppend(&name, ".", feeds);
  return name;
}

bool HasRegistry(Transaction& tx) {
  return !tx.sql()
              ->exec_params(
                  "SELECT to_regclass($1)",
                  QuoteTable(tx.schema(), "projection_processes"))[0][0]
              .is_null();
}

std::string VersionTable(std::string_view view, std::string_view fingerprint,
                         int version) {
  return absl::StrCat(ToAbsl(view), "__v", ToAbsl(fingerprint), "_", version);
}

}  // namespace stele::projections_internal
