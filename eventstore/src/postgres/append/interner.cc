#include "postgres/append/interner.h"

#include <utility>

#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "stele/postgres/async_connection.h"

namespace stele::postgres_store {
namespace {

namespace asio = boost::asio;

// How often names are looked up that others drive out of the mind meanwhile.
constexpr int kTriesMax = 10;

// The server's own time-out comes first, so that its answer is a certain one.
constexpr absl::Duration kGrace = absl::Seconds(2);

// Between two tries to register names that another session is registering.
constexpr absl::Duration kNameGap = absl::Milliseconds(5);

// True iff a name could not be registered in time, as the server says.
bool IsBusy(const absl::Status& status,
            const postgres::AsyncConnection& connection) {
  return absl::IsDeadlineExceeded(status) && !connection.outcome_unknown();
}

}  // namespace

Interner::Interner(IoThread& thread, const Statements& statements,
                   History& history, const postgres::ConnectOptions& connect,
                   absl::Duration timeout)
    : statements_(statements),
      timeout_(timeout),
      connection_(thread.io(), thread.blocking(), history, connect),
      signal_(thread.io()) {}

void Interner::Stop() {
  stopping_ = true;
  signal_.Notify();
  connection_->Close();
}

asio::awaitable<absl::Status> Interner::ResolveOn(
    AdmittedConnection& connection, AppendBatch& batch, absl::Time deadline,
    bool& names_are_busy) {
  absl::Status status = co_await Intern(connection, batch, deadline);
  names_are_busy = IsBusy(status, *connection);
  co_return status;
}

asio::awaitable<absl::Status> Interner::InternNames(
    AdmittedConnection& connection, std::string_view doing,
    const postgres::Statement& statement,
    const std::vector<std::string_view>& missing, absl::Time deadline,
    Names<std::int32_t>& known) {
  if (missing.empty()) co_return absl::OkStatus();
  postgres::Params params;
  params.Texts(missing);
  auto result = co_await connection->Execute(doing, statement, params,
                                             Until(deadline) + kGrace);
  if (IsBusy(result.status(), *connection)) {
    busy_.Add(missing);
    co_return BusyNameError(missing.front());
  }
  STELE_CO_RETURN_IF_ERROR(result);
  const std::vector<std::int32_t> ids = result->GetInt4s(0, 0);
  for (std::size_t i = 0; i < ids.size(); ++i) known.Add(ids[i], missing[i]);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Interner::Intern(AdmittedConnection& connection,
                                               AppendBatch& batch,
                                               absl::Time deadline) {
  KnownNames& names = connection.run()->names;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const AppendBatch::MissingNames missing = batch.Resolve(names);
    if (missing.empty()) co_return absl::OkStatus();
    STELE_CO_RETURN_IF_ERROR(co_await InternNames(
        connection, "registering event types", statements_.intern_types,
        missing.types, deadline, names.types));
    STELE_CO_RETURN_IF_ERROR(
        co_await InternNames(connection, "registering stream categories",
                             statements_.intern_categories, missing.categories,
                             deadline, names.categories));
  }
  co_return absl::ResourceExhaustedError(
      "appending: more event types at a time than can be kept in mind");
}

asio::awaitable<absl::Status> Interner::Resolve(AppendBatch& batch,
                                                ServerRunPtr run) {
  const absl::Time deadline = absl::Now() + timeout_;
  while (true) {
    bool names_are_busy = false;
    absl::Status status =
        co_await ResolveOnce(batch, run, deadline, names_are_busy);
    if (!names_are_busy || absl::Now() >= deadline) co_return status;
    // Others first.
    co_await signal_.WaitFor(kNameGap);
  }
}

asio::awaitable<absl::Status> Interner::ResolveOnce(AppendBatch& batch,
                                                    const ServerRunPtr& run,
                                                    absl::Time deadline,
                                                    bool& names_are_busy) {
  while (is_in_use_ && !stopping_ && absl::Now() < deadline) {
    co_await signal_.WaitFor(Until(deadline));
  }
  if (stopping_) co_return absl::CancelledError("the store is closing");
  if (is_in_use_) {
    co_return absl::DeadlineExceededError(
        "registering names: waited too long for a connection");
  }
  is_in_use_ = true;
  absl::Status status = co_await connection_.Attach(Until(deadline));
  if (status.ok() && connection_.run() != run) {
    status =
        absl::UnavailableError("appending: the server was restarted meanwhile");
  }
  if (status.ok()) {
    status = co_await ResolveOn(connection_, batch, deadline, names_are_busy);
  }
  is_in_use_ = false;
  signal_.Notify();
  co_return status;
}

}  // namespace stele::postgres_store
