#ifndef STELE_PROJECTIONS_SRC_ROWS_COLUMNS_H_
#define STELE_PROJECTIONS_SRC_ROWS_COLUMNS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace stele::projections_internal {

// How a field of a read model is kept in a column: see ProjectionTraits.
enum class ColumnKind {
  kBool,
  kInt32,
  kInt64,
  kUint32,
  kUint64,
  kFloat,
  kDouble,
  kText,
  kBytes,
  kEnum,
  kTimestamp,
  kJson,
};

struct Column {
  std::string name;
  const google::protobuf::FieldDescriptor* field = nullptr;
  ColumnKind kind = ColumnKind::kText;
  bool is_nullable = false;
  bool is_key = false;
};

// The columns of a table, in the order of the message's fields.
struct TableShape {
  std::vector<Column> columns;
  std::vector<int> keys;  // Indices of the primary key's columns; may be empty.
};

// A cell as PostgreSQL reads and writes it in text form; nullopt = NULL.
using Cell = std::optional<std::string>;

// kInvalidArgument, with the field's name, if the message cannot be a table.
absl::StatusOr<TableShape> ShapeOf(
    const google::protobuf::Descriptor& descriptor);

// "bigint", and how the column is declared, and how it is selected so that
// DecodeCell() reads it whatever the session's settings are.
std::string_view SqlTypeOf(const Column& column);
std::string Declaration(const Column& column);
std::string SelectExpression(const Column& column);

// kInvalidArgument if the value has no place in the column: text with NUL or
// broken UTF-8, a timestamp out of range.
absl::StatusOr<Cell> EncodeCell(const google::protobuf::Message& row,
                                const Column& column);
// kDataLoss if the text is not what EncodeCell() writes.
absl::Status DecodeCell(const Cell& cell, const Column& column,
                        google::protobuf::Message& row);

// Brings `row` into the form it would come back in from a table, and fails
// where a table would refuse it, so that memory and PostgreSQL agree.
absl::Status NormalizeRow(const TableShape& shape,
                          google::protobuf::Message& row);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_ROWS_COLUMNS_H_
