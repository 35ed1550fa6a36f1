#include "projection.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::projections_internal {
namespace {

// FNV-1a, 64 bits: stable over releases, unlike absl::Hash.
std::uint64_t StableHash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

bool IsNameLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// What a table's content depends on: if any of it changes, the table is built
// anew.
std::string FingerprintOf(const ProjectionType& type, const TableShape& shape) {
  std::string text = absl::StrCat(type.table, "\n", type.is_sql, "\n",
                                  type.code_version, "\n");
  for (const Column& column : shape.columns) {
    absl::StrAppend(&text, Declaration(column), column.is_key ? " key" : "",
                    "\n");
  }
  std::vector<std::string> types;
  for (const ProjectionEvent& event : type.events) types.push_back(event.type);
  std::sort(types.begin(), types.end());
  absl::StrAppend(&text, absl::StrJoin(types, "\n"));
  const std::uint64_t hash = StableHash(text);
  return absl::StrFormat("%08x",
                         static_cast<std::uint32_t>(hash ^ (hash >> 32)));
}

absl::Status CheckKeys(const ProjectionType& type, const TableShape& shape) {
  if (type.is_sql || shape.keys.size() == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "projection ", type.name, " needs exactly one field marked as (stele.id)",
      " in its read model, but has ", shape.keys.size(),
      "; several are for the SQL form"));
}

bool IsStorableKey(std::string_view key) {
  return key.size() <= kMaxKeyBytes &&
         key.find('\0') == std::string_view::npos && IsValidUtf8(key);
}

}  // namespace

absl::Status UndecodableError(const RecordedEvent& event) {
  return absl::DataLossError(absl::StrCat(
      "event ", event.type, " of stream ", Quoted(event.stream_id), " version ",
      event.version, " at position ", event.position,
      " cannot be parsed: its payload is corrupt or of another type"));
}

absl::Status CheckName(std::string_view what, std::string_view name) {
  const bool is_good = !name.empty() && name.size() <= kMaxTableNameBytes &&
                       IsNameLetter(name.front()) &&
                       std::all_of(name.begin(), name.end(), [](char c) {
                         return IsNameLetter(c) || (c >= '0' && c <= '9');
                       });
  if (is_good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      ToAbsl(what), " ", Quoted(name),
      " must be a letter and then letters, digits and underscores, at most ",
      kMaxTableNameBytes, " in all"));
}

absl::Status AllOf(const std::vector<absl::Status>& problems) {
  absl::Status all;
  for (const absl::Status& problem : problems) {
    if (problem.ok()) continue;
    all = all.ok() ? problem
                   : absl::Status(all.code(), absl::StrCat(all.message(), "\n",
                                                           problem.message()));
  }
  return all;
}

const ProjectionEvent* Projection::Find(std::string_view event_type) const {
  const auto found = by_type.find(ToAbsl(event_type));
  return found == by_type.end() ? nullptr : &type.events[found->second];
}

std::optional<std::string> Projection::OrderKeyOf(
    const RecordedEvent& event) const {
  if (type.is_in_log_order) return type.name;
  if (type.is_sql) return event.stream_id;
  const ProjectionEvent* bound = Find(event.type);
  const absl::StatusOr<std::string> key =
      InvokeUser(type.name, [&] { return bound->key_of(event); });
  if (key.ok() && key->empty()) return std::nullopt;
  if (key.ok() && IsStorableKey(*key)) return *key;
  // The event will fail when it is handled, and is parked under its stream's
  // id, so that a corrupt payload stops no other row.
  return std::string(IdOf(event.stream_id));
}

absl::StatusOr<std::string> Projection::RowKeyOf(
    const RecordedEvent& event) const {
  const ProjectionEvent* bound = Find(event.type);
  STELE_ASSIGN_OR_RETURN(std::string key, InvokeUser(type.name, [&] {
                           return bound->key_of(event);
                         }));
  if (IsStorableKey(key)) return key;
  return absl::InvalidArgumentError(
      absl::StrCat("the key ", Quoted(key), " that projection ", type.name,
                   " has for ", event.type, " must be at most ", kMaxKeyBytes,
                   " bytes of UTF-8 without NUL"));
}

absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Projection::NewRow(
    const std::string& key) const {
  std::unique_ptr<google::protobuf::Message> row(type.prototype->New());
  STELE_RETURN_IF_ERROR(InvokeUser(type.name, [&] {
    type.set_key(*row, key);
    return absl::OkStatus();
  }));
  STELE_ASSIGN_OR_RETURN(const Cell cell, EncodeCell(*row, key_column()));
  const bool is_plain = key_column().kind == ColumnKind::kText ||
                        key_column().kind == ColumnKind::kInt32 ||
                        key_column().kind == ColumnKind::kInt64 ||
                        key_column().kind == ColumnKind::kUint32 ||
                        key_column().kind == ColumnKind::kUint64;
  // "abc" or "007" as an integer would land on a row that other keys own.
  if (is_plain && cell != key) {
    return absl::InvalidArgumentError(
        absl::StrCat("the key ", Quoted(key), " does not fit the field ",
                     key_column().field->full_name(), ", which would hold ",
                     Quoted(cell.value_or(""))));
  }
  return row;
}

absl::StatusOr<std::shared_ptr<const Projection>> MakeProjection(
    ProjectionType type) {
  auto projection = std::make_shared<Projection>();
  auto shape = ShapeOf(*type.prototype->GetDescriptor());
  STELE_RETURN_IF_ERROR(
      AllOf({CheckName("the projection's name", type.name),
             CheckName("the table's name", type.table), shape.status(),
             shape.ok() ? CheckKeys(type, *shape) : absl::OkStatus(),
             type.events.empty()
                 ? absl::InvalidArgumentError(absl::StrCat(
                       "projection ", type.name, " consumes no events"))
                 : absl::OkStatus()}));
  projection->shape = *std::move(shape);
  projection->fingerprint = FingerprintOf(type, projection->shape);
  for (std::size_t i = 0; i < type.events.size(); ++i) {
    projection->by_type[type.events[i].type] = static_cast<int>(i);
    projection->event_types.push_back(type.events[i].type);
  }
  projection->type = std::move(type);
  return std::shared_ptr<const Projection>(std::move(projection));
}

}  // namespace stele::projections_internal
