#include "raw_timers.h"

#include <libpq-fe.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"

namespace stele::bench {
namespace {

struct Close {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Close>;
using Result = std::unique_ptr<PGresult, Close>;

absl::StatusOr<Result> Execute(PGconn* connection, const std::string& sql) {
  Result result(PQexec(connection, sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result;
  return absl::UnavailableError(
      absl::StrCat(sql, ": ", PQerrorMessage(connection)));
}

absl::Status SetTimers(PGconn* connection, int timers, absl::Duration apart) {
  for (const std::string& sql :
       {std::string("SET client_min_messages = warning"),
        std::string("DROP TABLE IF EXISTS stele_bench_timers"),
        std::string("CREATE TABLE stele_bench_timers ("
                    "id bigserial PRIMARY KEY, due_at timestamptz NOT NULL)"),
        std::string("CREATE INDEX ON stele_bench_timers (due_at)"),
        absl::StrCat("INSERT INTO stele_bench_timers (due_at) SELECT "
                     "clock_timestamp() + interval '100 ms' + i * interval '",
                     absl::ToInt64Microseconds(apart),
                     " us' FROM generate_series(1, ", timers, ") i")}) {
    STELE_RETURN_IF_ERROR(Execute(connection, sql));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<double>> RawTimersLate(const std::string& dsn,
                                                  int timers,
                                                  absl::Duration apart,
                                                  absl::Duration poll) {
  const Connection connection(PQconnectdb(dsn.c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return absl::UnavailableError(PQerrorMessage(connection.get()));
  }
  STELE_RETURN_IF_ERROR(SetTimers(connection.get(), timers, apart));
  std::vector<double> late;
  while (late.size() < static_cast<std::size_t>(timers)) {
    absl::SleepFor(poll);
    STELE_ASSIGN_OR_RETURN(
        const Result due,
        Execute(connection.get(),
                "DELETE FROM stele_bench_timers WHERE due_at <= "
                "clock_timestamp() RETURNING "
                "(extract(epoch FROM due_at) * 1000000)::bigint"));
    const absl::Time now = absl::Now();
    for (int row = 0; row < PQntuples(due.get()); ++row) {
      const absl::Time due_at = absl::FromUnixMicros(
          std::strtoll(PQgetvalue(due.get(), row, 0), nullptr, 10));
      late.push_back(absl::ToDoubleMilliseconds(now - due_at));
    }
  }
  return late;
}

}  // namespace stele::bench
