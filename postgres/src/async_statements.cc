#include <libpq-fe.h>

#include "absl/strings/str_cat.h"
#include "prepared.h"
#include "stele/base/check.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/async_connection.h"
#include "stele/postgres/errors.h"

// How an AsyncConnection runs statements.
namespace stele::postgres {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

AsyncConnection::Work AsyncConnection::Flush(std::string_view doing,
                                             TimePoint deadline) {
  while (true) {
    const int left = PQflush(session_);
    if (left == 0) co_return absl::OkStatus();
    if (left < 0) co_return Lose(doing);
    // The server may be unable to read on until we read what it has to say.
    const Ready ready = co_await WaitSocket(Descriptor::wait_write, deadline);
    if (ready == Ready::kTimeout) co_return Overdue(doing);
    if (ready == Ready::kClosed) co_return Lose(doing);
    if (PQconsumeInput(session_) == 0) co_return Lose(doing);
  }
}

AsyncConnection::Work AsyncConnection::Collect(
    std::string_view doing, TimePoint deadline,
    absl::FunctionRef<void(pg_result*)> each) {
  while (true) {
    while (PQisBusy(session_) != 0) {
      const Ready ready = co_await WaitSocket(Descriptor::wait_read, deadline);
      if (ready == Ready::kTimeout) co_return Overdue(doing);
      if (ready == Ready::kClosed) co_return Lose(doing);
      if (PQconsumeInput(session_) == 0) break;  // The results say why.
    }
    PGresult* const result = PQgetResult(session_);
    if (result == nullptr) break;
    each(result);
  }
  if (PQstatus(session_) != CONNECTION_OK) co_return Lose(doing);
  outcome_unknown_ = false;
  co_return absl::OkStatus();
}

AsyncConnection::Work AsyncConnection::Prepare(std::string_view doing,
                                               const Statement& statement,
                                               TimePoint deadline) {
  const std::vector<Oid> types = TypesOf(statement);
  if (PQsendPrepare(session_, statement.name.c_str(), statement.sql.c_str(),
                    static_cast<int>(types.size()), types.data()) == 0) {
    co_return Lose(doing);
  }
  STELE_CO_RETURN_IF_ERROR(co_await Flush(doing, deadline));
  absl::Status status;
  const absl::Status collected =
      co_await Collect(doing, deadline, [&](PGresult* result) {
        const Result owned(result);
        if (status.ok()) status = StatusOfResult(doing, result);
      });
  if (!status.ok()) co_return status;
  STELE_CO_RETURN_IF_ERROR(collected);
  prepared_.insert(statement.name);
  co_return absl::OkStatus();
}

absl::Status AsyncConnection::Send(std::string_view doing,
                                   const Statement& statement,
                                   const Params& params) {
  const BinaryValues values(params);
  int sent = 0;
  if (options_.prepare_statements) {
    sent = PQsendQueryPrepared(session_, statement.name.c_str(), values.count(),
                               values.values(), values.lengths(),
                               values.formats(), 1);
  } else {
    sent = PQsendQueryParams(session_, statement.sql.c_str(), values.count(),
                             TypesOf(statement).data(), values.values(),
                             values.lengths(), values.formats(), 1);
  }
  return sent == 0 ? Lose(doing) : absl::OkStatus();
}

AsyncConnection::Work AsyncConnection::Perform(
    std::string_view doing, const Statement& statement, const Params& params,
    absl::Duration timeout, bool by_row,
    absl::FunctionRef<void(pg_result*)> each) {
  STELE_CHECK(params.size() == statement.types.size());
  outcome_unknown_ = false;
  if (!LooksAlive()) {
    co_return absl::UnavailableError(
        absl::StrCat(ToAbsl(doing), ": not connected"));
  }
  const TimePoint deadline = In(timeout);
  if (options_.prepare_statements && !prepared_.contains(statement.name)) {
    STELE_CO_RETURN_IF_ERROR(co_await Prepare(doing, statement, deadline));
  }
  STELE_CO_RETURN_IF_ERROR(Send(doing, statement, params));
  outcome_unknown_ = true;
  if (by_row) PQsetSingleRowMode(session_);
  STELE_CO_RETURN_IF_ERROR(co_await Flush(doing, deadline));
  absl::Status status;
  const absl::Status collected =
      co_await Collect(doing, deadline, [&](PGresult* result) {
        if (status.ok()) status = StatusOfResult(doing, result);
        if (status.ok()) return each(result);
        PQclear(result);
      });
  // The server's own words say more than that the connection broke after them.
  co_return status.ok() ? collected : status;
}

asio::awaitable<absl::StatusOr<Result>> AsyncConnection::Execute(
    std::string_view doing, const Statement& statement, const Params& params,
    absl::Duration timeout) {
  Result last;
  STELE_CO_RETURN_IF_ERROR(
      co_await Perform(doing, statement, params, timeout, /*by_row=*/false,
                       [&](PGresult* result) { last = Result(result); }));
  co_return last;
}

AsyncConnection::Work AsyncConnection::ExecuteByRow(
    std::string_view doing, const Statement& statement, const Params& params,
    absl::Duration timeout, absl::FunctionRef<void(const Result&)> row) {
  co_return co_await Perform(doing, statement, params, timeout, /*by_row=*/true,
                             [&](PGresult* result) {
                               const Result owned(result);
                               if (owned.rows() > 0) row(owned);
                             });
}

AsyncConnection::Work AsyncConnection::Run(std::string_view doing,
                                           std::string sql,
                                           absl::Duration timeout) {
  outcome_unknown_ = false;
  if (!LooksAlive()) {
    co_return absl::UnavailableError(
        absl::StrCat(ToAbsl(doing), ": not connected"));
  }
  const TimePoint deadline = In(timeout);
  if (PQsendQuery(session_, sql.c_str()) == 0) co_return Lose(doing);
  outcome_unknown_ = true;
  STELE_CO_RETURN_IF_ERROR(co_await Flush(doing, deadline));
  absl::Status status;
  const absl::Status collected =
      co_await Collect(doing, deadline, [&](PGresult* result) {
        const Result owned(result);
        if (status.ok()) status = StatusOfResult(doing, result);
      });
  co_return status.ok() ? collected : status;
}

}  // namespace stele::postgres
