#ifndef STELE_POSTGRES_STATEMENT_H_
#define STELE_POSTGRES_STATEMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "stele/base/uuid.h"

struct pg_result;  // libpq's PGresult.

namespace stele::postgres {

// The types that statements take; the values are PostgreSQL's own type ids.
enum class Type : std::uint32_t {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt4 = 23,
  kText = 25,
  kBoolArray = 1000,
  kByteaArray = 1001,
  kInt2Array = 1005,
  kInt4Array = 1007,
  kTextArray = 1009,
  kInt8Array = 1016,
  kTimestamp = 1184,  // With time zone.
  kUuid = 2950,
  kUuidArray = 2951,
};

// An SQL statement that is sent with binary parameters and answers in binary.
// A session prepares it when it first meets the name.
struct Statement {
  std::string name;         // Unique for its text, e.g. "stele_append".
  std::string sql;          // With $1, $2, ...
  std::vector<Type> types;  // Of the parameters.
};

// The parameters of a statement, in order, in PostgreSQL's binary formats. What
// is added must have the type that the statement names at that place.
class Params {
 public:
  Params& Bool(bool value);
  Params& Int4(std::int32_t value);
  Params& Int8(std::int64_t value);
  Params& Text(std::string_view value);
  Params& Bytea(std::string_view value) { return Text(value); }
  Params& Uuid(const stele::Uuid& value);
  Params& Timestamp(absl::Time value);
  Params& Null();

  Params& Bools(std::span<const bool> values);
  Params& Int4s(std::span<const std::int32_t> values);
  Params& Int8s(std::span<const std::int64_t> values);
  Params& Texts(std::span<const std::string_view> values);
  Params& Byteas(std::span<const std::string_view> values);
  Params& Uuids(std::span<const std::optional<stele::Uuid>> values);

  std::size_t size() const { return values_.size(); }
  const std::vector<std::optional<std::string>>& values() const {
    return values_;
  }

 private:
  std::vector<std::optional<std::string>> values_;
};

// The rows a statement returned. Movable.
//
// Accessors abort on a row or column that is not there; values are read as the
// type asked for, which must be the column's.
class Result {
 public:
  Result() = default;
  explicit Result(pg_result* result);  // Takes it over.

  int rows() const;
  bool IsNull(int row, int column) const;
  bool GetBool(int row, int column) const;
  std::int32_t GetInt4(int row, int column) const;
  std::int64_t GetInt8(int row, int column) const;
  stele::Uuid GetUuid(int row, int column) const;
  absl::Time GetTimestamp(int row, int column) const;
  // Of text or bytea; valid as long as this is.
  std::string_view GetBytes(int row, int column) const;

  // Arrays of one dimension; a null array is an empty one, a null element 0.
  std::vector<std::int16_t> GetInt2s(int row, int column) const;
  std::vector<std::int32_t> GetInt4s(int row, int column) const;
  std::vector<std::int64_t> GetInt8s(int row, int column) const;

  // A server's array as it came, to be handed back as a parameter.
  std::string_view GetRaw(int row, int column) const {
    return GetBytes(row, column);
  }

 private:
  struct Free {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Free> result_;
};

// OK if `result` is that of a statement that succeeded; otherwise what the
// server's error means. `doing` as for StatusFromSqlstate().
absl::Status StatusOfResult(std::string_view doing, const pg_result* result);

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_STATEMENT_H_
