#include "raw_postgres.h"

#include <endian.h>
#include <libpq-fe.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "harness.h"
#include "stele/base/status.h"

namespace stele::bench {
namespace {

struct Close {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Close>;
using Result = std::unique_ptr<PGresult, Close>;

absl::Status Failed(PGconn* connection, const char* doing) {
  return absl::UnavailableError(
      absl::StrCat(doing, ": ", PQerrorMessage(connection)));
}

absl::StatusOr<Connection> Connect(const std::string& dsn) {
  Connection connection(PQconnectdb(dsn.c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return Failed(connection.get(), "connecting");
  }
  return connection;
}

absl::Status Execute(PGconn* connection, const char* sql) {
  const Result result(PQexec(connection, sql));
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
    return Failed(connection, sql);
  }
  return absl::OkStatus();
}

// One connection with the INSERT prepared.
class Inserter {
 public:
  static absl::StatusOr<Inserter> Create(const std::string& dsn,
                                         std::size_t payload_bytes) {
    STELE_ASSIGN_OR_RETURN(Connection connection, Connect(dsn));
    const Result prepared(PQprepare(
        connection.get(), "i",
        "INSERT INTO stele_bench_raw (stream, version, type, event_id, "
        "recorded_at, metadata, payload) VALUES "
        "($1, 1, 1, gen_random_uuid(), clock_timestamp(), $2, $3)",
        3, nullptr));
    if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) {
      return Failed(connection.get(), "preparing");
    }
    return Inserter(std::move(connection), payload_bytes);
  }

  absl::Status Insert(std::int64_t stream) {
    const std::uint64_t network = htobe64(static_cast<std::uint64_t>(stream));
    char key[8];
    std::memcpy(key, &network, sizeof key);
    const char* values[] = {key, metadata_.data(), payload_.data()};
    const int lengths[] = {8, static_cast<int>(metadata_.size()),
                           static_cast<int>(payload_.size())};
    const int formats[] = {1, 1, 1};
    const Result result(
        PQexecPrepared(connection_.get(), "i", 3, values, lengths, formats, 1));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
      return Failed(connection_.get(), "inserting");
    }
    return absl::OkStatus();
  }

 private:
  Inserter(Connection connection, std::size_t payload_bytes)
      : connection_(std::move(connection)), payload_(payload_bytes, 'p') {}

  Connection connection_;
  std::string metadata_ = std::string(40, 'm');
  std::string payload_;
};

absl::StatusOr<std::vector<Inserter>> MakeInserters(const std::string& dsn,
                                                    int count,
                                                    std::size_t payload_bytes) {
  std::vector<Inserter> inserters;
  for (int i = 0; i < count; ++i) {
    STELE_ASSIGN_OR_RETURN(Inserter inserter,
                           Inserter::Create(dsn, payload_bytes));
    inserters.push_back(std::move(inserter));
  }
  return inserters;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RawPostgres>> RawPostgres::Create(
    const std::string& dsn) {
  STELE_ASSIGN_OR_RETURN(Connection connection, Connect(dsn));
  for (const char* sql :
       {"SET client_min_messages = warning",
        "DROP TABLE IF EXISTS stele_bench_raw",
        "CREATE TABLE stele_bench_raw ("
        "position bigserial PRIMARY KEY, stream bigint NOT NULL, "
        "version bigint NOT NULL, type int NOT NULL, event_id uuid NOT NULL, "
        "recorded_at timestamptz NOT NULL, metadata bytea, payload bytea, "
        "UNIQUE (stream, version))"}) {
    STELE_RETURN_IF_ERROR(Execute(connection.get(), sql));
  }
  return std::unique_ptr<RawPostgres>(new RawPostgres(dsn));
}

absl::StatusOr<double> RawPostgres::Inserts(int connections,
                                            absl::Duration duration,
                                            std::size_t payload_bytes) {
  STELE_ASSIGN_OR_RETURN(std::vector<Inserter> inserters,
                         MakeInserters(dsn_, connections, payload_bytes));
  // Streams of their own for every caller, far apart.
  std::vector<std::int64_t> streams;
  for (int i = 0; i < connections; ++i) {
    streams.push_back(next_stream_);
    next_stream_ += 100'000'000;
  }
  return CallsPerSecond(connections, duration, [&](int caller) {
    const auto at = static_cast<std::size_t>(caller);
    return inserters[at].Insert(streams[at]++);
  });
}

std::string RawPostgres::Against(int callers) {
  return callers == 1 ? "raw single-row INSERT, one connection"
                      : "best raw single-row INSERT, 1 to 64 connections";
}

absl::StatusOr<double> RawPostgres::InsertsFor(int callers,
                                               absl::Duration duration,
                                               std::size_t payload_bytes) {
  if (callers == 1) return Inserts(1, duration, payload_bytes);
  double best = 0;
  for (const int connections : {1, 8, 32, 64}) {
    STELE_ASSIGN_OR_RETURN(const double rate,
                           Inserts(connections, duration / 2, payload_bytes));
    best = std::max(best, rate);
  }
  return best;
}

absl::StatusOr<double> RawPostgres::InsertMicros(absl::Duration duration,
                                                 std::size_t payload_bytes) {
  STELE_ASSIGN_OR_RETURN(Inserter inserter,
                         Inserter::Create(dsn_, payload_bytes));
  std::int64_t stream = next_stream_;
  next_stream_ += 100'000'000;
  return MedianMicros(duration, [&] { return inserter.Insert(stream++); });
}

absl::StatusOr<double> RawPostgres::CopyOut(const std::string& query) {
  STELE_ASSIGN_OR_RETURN(Connection connection, Connect(dsn_));
  const std::string copy =
      absl::StrCat("COPY (", query, ") TO STDOUT (FORMAT binary)");
  const absl::Time began = absl::Now();
  const Result started(PQexec(connection.get(), copy.c_str()));
  if (PQresultStatus(started.get()) != PGRES_COPY_OUT) {
    return Failed(connection.get(), copy.c_str());
  }
  std::int64_t rows = 0;
  char* row = nullptr;
  while (PQgetCopyData(connection.get(), &row, 0) > 0) {
    ++rows;
    PQfreemem(row);
  }
  const Result ended(PQgetResult(connection.get()));
  if (PQresultStatus(ended.get()) != PGRES_COMMAND_OK) {
    return Failed(connection.get(), copy.c_str());
  }
  return static_cast<double>(rows) / absl::ToDoubleSeconds(absl::Now() - began);
}

}  // namespace stele::bench
