// Cells of a row, to and from PostgreSQL's text form.
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/json_util.h"
#include "rows/columns.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::projections_internal {
namespace {

using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
// 0001-01-01 to 9999-12-31, what a Timestamp may hold.
constexpr std::int64_t kMinSeconds = -62'135'596'800;
constexpr std::int64_t kMaxSeconds = 253'402'300'799;

absl::Status BadValue(const Column& column, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("field ", column.field->full_name(), " ", ToAbsl(why)));
}

absl::Status BadCell(const Column& column, const std::string& text) {
  return absl::DataLossError(absl::StrCat("column ", column.field->full_name(),
                                          " holds ", Quoted(text),
                                          ", which does not fit its field"));
}

absl::StatusOr<Cell> EncodeText(const std::string& text, const Column& column) {
  if (text.find('\0') != std::string::npos) {
    return BadValue(column, "holds a NUL, which a text column cannot keep");
  }
  if (!IsValidUtf8(text)) return BadValue(column, "is not valid UTF-8");
  return Cell(text);
}

// True iff the JSON text holds the escape of a NUL: \u0000 after an even number
// of backslashes.
bool HoldsEscapedNul(const std::string& json) {
  for (auto at = json.find("\\u0000"); at != std::string::npos;
       at = json.find("\\u0000", at + 1)) {
    std::size_t before = at;
    while (before > 0 && json[before - 1] == '\\') --before;
    if ((at - before) % 2 == 0) return true;
  }
  return false;
}

template <typename Float>
std::string EncodeFloat(Float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return absl::StrFormat("%.*g", std::numeric_limits<Float>::max_digits10,
                         value);
}

absl::StatusOr<Cell> EncodeTimestamp(const Message& row, const Column& column) {
  const Message& message = row.GetReflection()->GetMessage(row, column.field);
  const auto& timestamp =
      static_cast<const google::protobuf::Timestamp&>(message);
  if (timestamp.seconds() < kMinSeconds || timestamp.seconds() > kMaxSeconds ||
      timestamp.nanos() < 0 || timestamp.nanos() > 999'999'999) {
    return BadValue(column, "is no time between the years 1 and 9999");
  }
  const absl::Time time = absl::FromUnixSeconds(timestamp.seconds()) +
                          absl::Microseconds(timestamp.nanos() / 1000);
  return Cell(
      absl::FormatTime("%E4Y-%m-%d %H:%M:%E6S+00", time, absl::UTCTimeZone()));
}

std::string EmptyJson(const Column& column) {
  return column.field->is_map() ? "{}" : "[]";
}

// The JSON of one field is that of a message with only this field, without the
// wrapping {"name":...}: protobuf prints messages only.
absl::StatusOr<Cell> EncodeJson(const Message& row, const Column& column) {
  const Reflection* reflection = row.GetReflection();
  if (column.field->is_repeated() &&
      reflection->FieldSize(row, column.field) == 0) {
    return Cell(EmptyJson(column));
  }
  std::unique_ptr<Message> wrapper(row.New());
  wrapper->CopyFrom(row);
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(row, &fields);
  for (const auto* field : fields) {
    if (field != column.field) reflection->ClearField(wrapper.get(), field);
  }
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(*wrapper, &json, options);
  if (!status.ok()) return BadValue(column, "has no JSON form");
  const std::string head = absl::StrCat("{\"", column.name, "\":");
  if (!absl::StartsWith(json, head)) {
    return BadValue(column, "has no JSON form");
  }
  if (HoldsEscapedNul(json)) {
    return BadValue(column, "holds a NUL, which jsonb cannot keep");
  }
  if (!IsValidUtf8(json)) return BadValue(column, "is not valid UTF-8");
  return Cell(json.substr(head.size(), json.size() - head.size() - 1));
}

template <typename Number, typename Set>
absl::Status DecodeNumber(const std::string& text, const Column& column,
                          Set set) {
  Number value;
  if (!absl::SimpleAtoi(text, &value)) return BadCell(column, text);
  set(value);
  return absl::OkStatus();
}

absl::Status DecodeJson(const std::string& text, const Column& column,
                        Message& row) {
  std::unique_ptr<Message> wrapper(row.New());
  const auto status = google::protobuf::util::JsonStringToMessage(
      absl::StrCat("{\"", column.name, "\":", text, "}"), wrapper.get());
  if (!status.ok()) return BadCell(column, text);
  row.MergeFrom(*wrapper);
  return absl::OkStatus();
}

absl::Status DecodeTimestamp(const std::string& text, const Column& column,
                             Message& row) {
  std::int64_t micros = 0;
  if (!absl::SimpleAtoi(text, &micros)) return BadCell(column, text);
  std::int64_t seconds = micros / kMicrosPerSecond;
  std::int64_t rest = micros % kMicrosPerSecond;
  if (rest < 0) {
    rest += kMicrosPerSecond;
    --seconds;
  }
  auto& timestamp = static_cast<google::protobuf::Timestamp&>(
      *row.GetReflection()->MutableMessage(&row, column.field));
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int>(rest * 1000));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Cell> EncodeCell(const Message& row, const Column& column) {
  const Reflection& get = *row.GetReflection();
  const auto* field = column.field;
  if (column.is_nullable && !get.HasField(row, field)) return Cell();
  switch (column.kind) {
    case ColumnKind::kBool:
      return Cell(get.GetBool(row, field) ? "t" : "f");
    case ColumnKind::kInt32:
      return Cell(absl::StrCat(get.GetInt32(row, field)));
    case ColumnKind::kEnum:
      return Cell(absl::StrCat(get.GetEnumValue(row, field)));
    case ColumnKind::kInt64:
      return Cell(absl::StrCat(get.GetInt64(row, field)));
    case ColumnKind::kUint32:
      return Cell(absl::StrCat(get.GetUInt32(row, field)));
    case ColumnKind::kUint64:
      return Cell(absl::StrCat(get.GetUInt64(row, field)));
    case ColumnKind::kFloat:
      return Cell(EncodeFloat(get.GetFloat(row, field)));
    case ColumnKind::kDouble:
      return Cell(EncodeFloat(get.GetDouble(row, field)));
    case ColumnKind::kText:
      return EncodeText(get.GetString(row, field), column);
    case ColumnKind::kBytes:
      return Cell(absl::StrCat(
          "\\x", absl::BytesToHexString(get.GetString(row, field))));
    case ColumnKind::kTimestamp:
      return EncodeTimestamp(row, column);
    case ColumnKind::kJson:
      return EncodeJson(row, column);
  }
  return BadValue(column, "has no column type");
}

absl::Status DecodeCell(const Cell& cell, const Column& column, Message& row) {
  if (!cell.has_value()) return absl::OkStatus();
  const Reflection& set = *row.GetReflection();
  const auto* field = column.field;
  const std::string& text = *cell;
  switch (column.kind) {
    case ColumnKind::kBool:
      set.SetBool(&row, field, text == "t");
      return absl::OkStatus();
    case ColumnKind::kInt32:
      return DecodeNumber<std::int32_t>(
          text, column, [&](std::int32_t v) { set.SetInt32(&row, field, v); });
    case ColumnKind::kEnum:
      return DecodeNumber<std::int32_t>(text, column, [&](std::int32_t v) {
        set.SetEnumValue(&row, field, v);
      });
    case ColumnKind::kInt64:
      return DecodeNumber<std::int64_t>(
          text, column, [&](std::int64_t v) { set.SetInt64(&row, field, v); });
    case ColumnKind::kUint32:
      return DecodeNumber<std::uint32_t>(text, column, [&](std::uint32_t v) {
        set.SetUInt32(&row, field, v);
      });
    case ColumnKind::kUint64:
      return DecodeNumber<std::uint64_t>(text, column, [&](std::uint64_t v) {
        set.SetUInt64(&row, field, v);
      });
    case ColumnKind::kFloat: {
      float value = 0;
      if (!absl::SimpleAtof(text, &value)) return BadCell(column, text);
      set.SetFloat(&row, field, value);
      return absl::OkStatus();
    }
    case ColumnKind::kDouble: {
      double value = 0;
      if (!absl::SimpleAtod(text, &value)) return BadCell(column, text);
      set.SetDouble(&row, field, value);
      return absl::OkStatus();
    }
    case ColumnKind::kText:
      set.SetString(&row, field, text);
      return absl::OkStatus();
    case ColumnKind::kBytes:
      set.SetString(&row, field, absl::HexStringToBytes(text));
      return absl::OkStatus();
    case ColumnKind::kTimestamp:
      return DecodeTimestamp(text, column, row);
    case ColumnKind::kJson:
      return DecodeJson(text, column, row);
  }
  return BadCell(column, text);
}

}  // namespace stele::projections_internal
