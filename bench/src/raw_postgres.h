#ifndef STELE_BENCH_RAW_POSTGRES_H_
#define STELE_BENCH_RAW_POSTGRES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stele::bench {

// What PostgreSQL itself can do with rows like ours, through plain libpq: the
// measure of everything else. The table has the columns and the indexes that an
// event store cannot do without: a sequence as primary key, and a unique
// (stream, version).
class RawPostgres {
 public:
  // Makes the table in the database of `dsn`, dropping an older one.
  static absl::StatusOr<std::unique_ptr<RawPostgres>> Create(
      const std::string& dsn);

  // Single-row INSERTs, prepared, committed one by one, from `connections` at
  // once; rows a second.
  absl::StatusOr<double> Inserts(int connections, absl::Duration duration,
                                 std::size_t payload_bytes);
  // What `callers` are measured against, and in words: one connection for one
  // caller, the best of 1, 8, 32 and 64 connections for more.
  absl::StatusOr<double> InsertsFor(int callers, absl::Duration duration,
                                    std::size_t payload_bytes);
  static std::string Against(int callers);
  // Median time of one INSERT from one connection, in microseconds.
  absl::StatusOr<double> InsertMicros(absl::Duration duration,
                                      std::size_t payload_bytes);

  // COPY (SELECT ... ORDER BY) TO STDOUT in binary of the query's rows, thrown
  // away; rows a second.
  absl::StatusOr<double> CopyOut(const std::string& query);

 private:
  explicit RawPostgres(std::string dsn) : dsn_(std::move(dsn)) {}

  const std::string dsn_;
  std::int64_t next_stream_ = 1;
};

}  // namespace stele::bench

#endif  // STELE_BENCH_RAW_POSTGRES_H_
