#include "rows/columns.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/options.pb.h"
#include "stele/postgres/identifier.h"

namespace stele::projections_internal {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// PostgreSQL cuts longer names off, and two of them could become one.
constexpr std::size_t kMaxNameBytes = 63;

bool IsSystemColumn(std::string_view name) {
  return name == "tableoid" || name == "xmin" || name == "cmin" ||
         name == "xmax" || name == "cmax" || name == "ctid";
}

ColumnKind KindOf(const FieldDescriptor& field) {
  if (field.is_repeated()) return ColumnKind::kJson;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return ColumnKind::kBool;
    case FieldDescriptor::CPPTYPE_INT32:
      return ColumnKind::kInt32;
    case FieldDescriptor::CPPTYPE_INT64:
      return ColumnKind::kInt64;
    case FieldDescriptor::CPPTYPE_UINT32:
      return ColumnKind::kUint32;
    case FieldDescriptor::CPPTYPE_UINT64:
      return ColumnKind::kUint64;
    case FieldDescriptor::CPPTYPE_FLOAT:
      return ColumnKind::kFloat;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ColumnKind::kDouble;
    case FieldDescriptor::CPPTYPE_ENUM:
      return ColumnKind::kEnum;
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES ? ColumnKind::kBytes
                                                         : ColumnKind::kText;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return field.message_type()->full_name() == "google.protobuf.Timestamp"
                 ? ColumnKind::kTimestamp
                 : ColumnKind::kJson;
  }
  return ColumnKind::kJson;
}

bool CanBeKey(const Column& column) {
  switch (column.kind) {
    case ColumnKind::kFloat:
    case ColumnKind::kDouble:
    case ColumnKind::kJson:
    case ColumnKind::kTimestamp:
      return false;
    default:
      return !column.is_nullable;
  }
}

absl::Status CheckColumn(const Descriptor& message, const Column& column) {
  if (column.name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("field ", column.name, " of ", message.full_name(),
                     " is longer than the 63 bytes of a column name"));
  }
  if (IsSystemColumn(column.name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "field ", column.name, " of ", message.full_name(),
        " has the name of a column that every table has; rename it"));
  }
  if (column.is_key && !CanBeKey(column)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "field ", column.name, " of ", message.full_name(),
        " cannot be an id: use a string, bytes, an integer, a bool or an enum "
        "that is neither optional nor repeated"));
  }
  return absl::OkStatus();
}

std::string_view ZeroOf(const Column& column) {
  switch (column.kind) {
    case ColumnKind::kBool:
      return "false";
    case ColumnKind::kText:
    case ColumnKind::kBytes:
      return "''";
    case ColumnKind::kJson:
      return column.field->is_map() ? "'{}'" : "'[]'";
    default:
      return "0";
  }
}

}  // namespace

absl::StatusOr<TableShape> ShapeOf(const Descriptor& descriptor) {
  TableShape shape;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    Column column;
    column.name = field.name();
    column.field = &field;
    column.kind = KindOf(field);
    column.is_nullable = field.has_presence();
    column.is_key = field.options().GetExtension(stele::id);
    STELE_RETURN_IF_ERROR(CheckColumn(descriptor, column));
    if (column.is_key) shape.keys.push_back(i);
    shape.columns.push_back(std::move(column));
  }
  if (shape.columns.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        descriptor.full_name(), " has no fields, so its table no columns"));
  }
  return shape;
}

std::string_view SqlTypeOf(const Column& column) {
  switch (column.kind) {
    case ColumnKind::kBool:
      return "boolean";
    case ColumnKind::kInt32:
    case ColumnKind::kEnum:
      return "integer";
    case ColumnKind::kInt64:
    case ColumnKind::kUint32:
      return "bigint";
    case ColumnKind::kUint64:
      return "numeric(20)";
    case ColumnKind::kFloat:
      return "real";
    case ColumnKind::kDouble:
      return "double precision";
    case ColumnKind::kText:
      return "text";
    case ColumnKind::kBytes:
      return "bytea";
    case ColumnKind::kTimestamp:
      return "timestamptz";
    case ColumnKind::kJson:
      return "jsonb";
  }
  return "text";
}

std::string Declaration(const Column& column) {
  std::string text = absl::StrCat(postgres::QuoteIdentifier(column.name), " ",
                                  ToAbsl(SqlTypeOf(column)));
  // Byte order: faster than any language's, and the same everywhere.
  if (column.is_key && column.kind == ColumnKind::kText) {
    absl::StrAppend(&text, " COLLATE \"C\"");
  }
  if (!column.is_nullable) {
    absl::StrAppend(&text, " NOT NULL DEFAULT ", ToAbsl(ZeroOf(column)));
  }
  return text;
}

std::string SelectExpression(const Column& column) {
  const std::string name = postgres::QuoteIdentifier(column.name);
  switch (column.kind) {
    case ColumnKind::kBytes:
      return absl::StrCat("encode(", name, ", 'hex')");
    case ColumnKind::kTimestamp:
      return absl::StrCat("(extract(epoch FROM ", name, ") * 1000000)::bigint");
    default:
      return name;
  }
}

absl::Status NormalizeRow(const TableShape& shape,
                          google::protobuf::Message& row) {
  for (const Column& column : shape.columns) {
    STELE_ASSIGN_OR_RETURN(const Cell cell, EncodeCell(row, column));
    if (column.kind != ColumnKind::kTimestamp || !cell.has_value()) continue;
    auto* timestamp = row.GetReflection()->MutableMessage(&row, column.field);
    const auto* nanos = timestamp->GetDescriptor()->FindFieldByName("nanos");
    const auto* reflection = timestamp->GetReflection();
    const int value = reflection->GetInt32(*timestamp, nanos);
    reflection->SetInt32(timestamp, nanos, value / 1000 * 1000);
  }
  return absl::OkStatus();
}

}  // namespace stele::projections_internal
