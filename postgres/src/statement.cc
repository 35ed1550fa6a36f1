#include "stele/postgres/statement.h"

#include <libpq-fe.h>

#include <bit>
#include <cstring>
#include <utility>

#include "stele/base/check.h"
#include "stele/postgres/errors.h"

namespace stele::postgres {
namespace {

// 2000-01-01 00:00:00 UTC, where PostgreSQL's time begins.
constexpr std::int64_t kEpochMicros = 946684800LL * 1000000;

template <typename Int>
void Put(std::string& out, Int value) {
  for (int shift = (sizeof(Int) - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(
        static_cast<std::make_unsigned_t<Int>>(value) >> shift));
  }
}

template <typename Int>
Int Take(const char* bytes) {
  std::make_unsigned_t<Int> value = 0;
  for (std::size_t i = 0; i < sizeof(Int); ++i) {
    value = static_cast<std::make_unsigned_t<Int>>(
        (value << 8) | static_cast<unsigned char>(bytes[i]));
  }
  return static_cast<Int>(value);
}

// The element types' own ids, which array headers carry.
constexpr std::int32_t kBoolId = 16, kByteaId = 17, kInt8Id = 20, kInt2Id = 21,
                       kInt4Id = 23, kTextId = 25, kUuidId = 2950;

std::string ArrayHeader(std::size_t count, std::int32_t element_id,
                        bool has_null, std::size_t element_bytes) {
  std::string out;
  out.reserve(20 + count * (4 + element_bytes));
  Put<std::int32_t>(out, count == 0 ? 0 : 1);
  Put<std::int32_t>(out, has_null ? 1 : 0);
  Put<std::int32_t>(out, element_id);
  if (count == 0) return out;
  Put<std::int32_t>(out, static_cast<std::int32_t>(count));
  Put<std::int32_t>(out, 1);
  return out;
}

template <typename Int>
std::string IntArray(std::span<const Int> values, std::int32_t element_id) {
  std::string out = ArrayHeader(values.size(), element_id, false, sizeof(Int));
  for (const Int value : values) {
    Put<std::int32_t>(out, sizeof(Int));
    Put<Int>(out, value);
  }
  return out;
}

std::string BytesArray(std::span<const std::string_view> values,
                       std::int32_t element_id) {
  std::size_t total = 0;
  for (const std::string_view value : values) total += value.size();
  std::string out = ArrayHeader(values.size(), element_id, false, 0);
  out.reserve(out.size() + total + values.size() * 4);
  for (const std::string_view value : values) {
    Put<std::int32_t>(out, static_cast<std::int32_t>(value.size()));
    out.append(value);
  }
  return out;
}

template <typename Int>
std::vector<Int> ParseIntArray(std::string_view bytes) {
  std::vector<Int> values;
  if (bytes.empty()) return values;
  STELE_CHECK(bytes.size() >= 12);
  if (Take<std::int32_t>(bytes.data()) == 0) return values;
  STELE_CHECK(bytes.size() >= 20);
  const std::int32_t count = Take<std::int32_t>(bytes.data() + 12);
  values.reserve(count);
  const char* at = bytes.data() + 20;
  const char* const end = bytes.data() + bytes.size();
  for (std::int32_t i = 0; i < count; ++i) {
    STELE_CHECK(end - at >= 4);
    const std::int32_t length = Take<std::int32_t>(at);
    at += 4;
    if (length < 0) {
      values.push_back(0);
      continue;
    }
    STELE_CHECK(length == sizeof(Int) && end - at >= length);
    values.push_back(Take<Int>(at));
    at += length;
  }
  return values;
}

}  // namespace

Params& Params::Bool(bool value) {
  values_.emplace_back(std::string(1, value ? '\1' : '\0'));
  return *this;
}

Params& Params::Int4(std::int32_t value) {
  std::string out;
  Put(out, value);
  values_.emplace_back(std::move(out));
  return *this;
}

Params& Params::Int8(std::int64_t value) {
  std::string out;
  Put(out, value);
  values_.emplace_back(std::move(out));
  return *this;
}

Params& Params::Text(std::string_view value) {
  values_.emplace_back(std::string(value));
  return *this;
}

Params& Params::Uuid(const stele::Uuid& value) {
  values_.emplace_back(std::string(value.AsBytes()));
  return *this;
}

Params& Params::Timestamp(absl::Time value) {
  return Int8(absl::ToUnixMicros(value) - kEpochMicros);
}

Params& Params::Null() {
  values_.emplace_back(std::nullopt);
  return *this;
}

Params& Params::Bools(std::span<const bool> values) {
  std::string out = ArrayHeader(values.size(), kBoolId, false, 1);
  for (const bool value : values) {
    Put<std::int32_t>(out, 1);
    out.push_back(value ? '\1' : '\0');
  }
  values_.emplace_back(std::move(out));
  return *this;
}

Params& Params::Int4s(std::span<const std::int32_t> values) {
  values_.emplace_back(IntArray(values, kInt4Id));
  return *this;
}

Params& Params::Int8s(std::span<const std::int64_t> values) {
  values_.emplace_back(IntArray(values, kInt8Id));
  return *this;
}

Params& Params::Texts(std::span<const std::string_view> values) {
  values_.emplace_back(BytesArray(values, kTextId));
  return *this;
}

Params& Params::Byteas(std::span<const std::string_view> values) {
  values_.emplace_back(BytesArray(values, kByteaId));
  return *this;
}

Params& Params::Uuids(std::span<const std::optional<stele::Uuid>> values) {
  bool has_null = false;
  for (const auto& value : values) has_null = has_null || !value.has_value();
  std::string out = ArrayHeader(values.size(), kUuidId, has_null, 16);
  for (const auto& value : values) {
    Put<std::int32_t>(out, value.has_value() ? 16 : -1);
    if (value.has_value()) out.append(value->AsBytes());
  }
  values_.emplace_back(std::move(out));
  return *this;
}

Result::Result(pg_result* result) : result_(result) {}

void Result::Free::operator()(pg_result* result) const { PQclear(result); }

int Result::rows() const {
  return result_ == nullptr ? 0 : PQntuples(result_.get());
}

bool Result::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view Result::GetBytes(int row, int column) const {
  STELE_CHECK(row < rows() && column < PQnfields(result_.get()));
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

bool Result::GetBool(int row, int column) const {
  const std::string_view bytes = GetBytes(row, column);
  STELE_CHECK(bytes.size() == 1);
  return bytes[0] != 0;
}

std::int32_t Result::GetInt4(int row, int column) const {
  const std::string_view bytes = GetBytes(row, column);
  STELE_CHECK(bytes.size() == 4);
  return Take<std::int32_t>(bytes.data());
}

std::int64_t Result::GetInt8(int row, int column) const {
  const std::string_view bytes = GetBytes(row, column);
  STELE_CHECK(bytes.size() == 8);
  return Take<std::int64_t>(bytes.data());
}

stele::Uuid Result::GetUuid(int row, int column) const {
  const auto id = stele::Uuid::FromBytes(GetBytes(row, column));
  STELE_CHECK(id.has_value());
  return *id;
}

absl::Time Result::GetTimestamp(int row, int column) const {
  return absl::FromUnixMicros(GetInt8(row, column) + kEpochMicros);
}

std::vector<std::int16_t> Result::GetInt2s(int row, int column) const {
  return ParseIntArray<std::int16_t>(GetBytes(row, column));
}

std::vector<std::int32_t> Result::GetInt4s(int row, int column) const {
  return ParseIntArray<std::int32_t>(GetBytes(row, column));
}

std::vector<std::int64_t> Result::GetInt8s(int row, int column) const {
  return ParseIntArray<std::int64_t>(GetBytes(row, column));
}

absl::Status StatusOfResult(std::string_view doing, const pg_result* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_EMPTY_QUERY:
      return absl::OkStatus();
    default:
      break;
  }
  const char* const sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* const primary =
      PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  // libpq makes up results without a code when the connection breaks.
  return StatusFromSqlstate(
      doing, sqlstate == nullptr ? "08006" : sqlstate,
      primary == nullptr ? PQresultErrorMessage(result) : primary);
}

}  // namespace stele::postgres
