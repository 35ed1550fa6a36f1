#include "stele/postgres/session.h"

#include <libpq-events.h>
#include <libpq-fe.h>

#include <algorithm>
#include <pqxx/transaction_base>

#include "absl/strings/str_cat.h"
#include "answer_watch.h"
#include "prepared.h"
#include "stele/base/check.h"
#include "stele/base/status.h"
#include "stele/postgres/connect_options.h"
#include "stele/postgres/errors.h"
#include "still_open.h"

namespace stele::postgres {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(2);

void DropNotice(void*, const PGresult*) {}

absl::Duration ZeroIsInfinite(absl::Duration timeout) {
  return timeout > absl::ZeroDuration() ? timeout : absl::InfiniteDuration();
}

// libpq tells of every result that came, whoever asked for it.
int OnEvent(PGEventId event, void*, void* session) {
  if (event == PGEVT_RESULTCREATE) static_cast<Session*>(session)->OnAnswer();
  return 1;  // All is well.
}

}  // namespace

Patience PatienceFor(const ConnectOptions& options) {
  const absl::Duration statement = ZeroIsInfinite(options.statement_timeout);
  const absl::Duration idle =
      ZeroIsInfinite(options.idle_in_transaction_timeout);
  return {statement + kGrace, std::max(statement, idle) + kGrace};
}

struct Session::Watch {
  Watch(AnswerWatch& watch, PGconn* connection)
      : watched(watch, PQsocket(connection)) {}
  AnswerWatch::Watched watched;
  Patience patience;
};

pqxx::connectionpolicy::handle Session::Policy::do_startconnect(
    handle original) {
  raw_ = original;  // Stays null if connecting throws.
  raw_ = normalconnect(original);
  return raw_;
}

pqxx::connectionpolicy::handle Session::Policy::do_disconnect(
    handle original) noexcept {
  Forget();
  return connectionpolicy::do_disconnect(original);
}

pqxx::connectionpolicy::handle Session::Policy::do_dropconnect(
    handle original) noexcept {
  Forget();
  return connectionpolicy::do_dropconnect(original);
}

void Session::Policy::Forget() {
  raw_ = nullptr;
  session_.was_silent_ = session_.was_silent();
  session_.watch_.reset();  // Its socket is about to be closed.
}

Session::Session(const std::string& dsn, AnswerWatch* watch)
    : pqxx::connection_base(policy_), policy_(dsn, *this) {
  init();
  // What would be prepared and set up anew on a new connection is lost on one
  // that libpqxx makes by itself.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  inhibit_reactivation(true);
#pragma GCC diagnostic pop
  PQsetNoticeReceiver(policy_.raw(), &DropNotice, nullptr);
  if (watch == nullptr) return;
  watch_ = std::make_unique<Watch>(*watch, policy_.raw());
  STELE_CHECK(PQregisterEventProc(policy_.raw(), &OnEvent, "stele", this) != 0);
}

Session::~Session() noexcept { close(); }

bool Session::InFailedTransaction() const {
  return policy_.raw() != nullptr &&
         PQtransactionStatus(policy_.raw()) == PQTRANS_INERROR;
}

bool Session::LooksAlive() {
  PGconn* const raw = policy_.raw();
  return raw != nullptr && IsStillOpen(raw) &&
         PQtransactionStatus(raw) == PQTRANS_IDLE;
}

void Session::SetPatience(Patience patience) {
  if (watch_ != nullptr) watch_->patience = patience;
}

Patience Session::patience() const {
  return watch_ != nullptr ? watch_->patience : Patience();
}

void Session::ExpectAnswer() {
  if (watch_ != nullptr) watch_->watched.Expect(watch_->patience.statement);
}

void Session::OnAnswer() {
  if (watch_ != nullptr) watch_->watched.Expect(watch_->patience.answers);
}

void Session::Rest() {
  SetPatience({});
  OnAnswer();
}

bool Session::was_silent() const {
  return was_silent_ || (watch_ != nullptr && watch_->watched.was_shut_down());
}

absl::StatusOr<Result> Session::Execute(std::string_view doing,
                                        const Statement& statement,
                                        const Params& params) {
  STELE_CHECK(params.size() == statement.types.size());
  PGconn* const raw = policy_.raw();
  if (raw == nullptr) return absl::UnavailableError("not connected");
  if (!prepared_.contains(statement.name)) {
    const std::vector<Oid> types = TypesOf(statement);
    ExpectAnswer();
    PGresult* const made =
        PQprepare(raw, statement.name.c_str(), statement.sql.c_str(),
                  static_cast<int>(types.size()), types.data());
    const Result owned(made);
    STELE_RETURN_IF_ERROR(StatusOfResult(doing, made));
    prepared_.insert(statement.name);
  }
  const BinaryValues values(params);
  ExpectAnswer();
  PGresult* const result =
      PQexecPrepared(raw, statement.name.c_str(), values.count(),
                     values.values(), values.lengths(), values.formats(), 1);
  Result owned(result);
  STELE_RETURN_IF_ERROR(StatusOfResult(doing, result));
  return owned;
}

absl::Status AllowLongStatements(pqxx::transaction_base& tx,
                                 absl::Duration limit) {
  const std::int64_t milliseconds = absl::ToInt64Milliseconds(limit);
  if (milliseconds < 1 || milliseconds > INT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("a statement cannot be allowed to take ",
                     absl::FormatDuration(limit), "; use 1ms to 24 days"));
  }
  return CatchingAll("allowing long statements", [&] {
    auto& session = static_cast<Session&>(tx.conn());
    tx.exec(absl::StrCat("SET LOCAL statement_timeout = ", milliseconds));
    session.SetPatience(
        {limit + kGrace, std::max(session.patience().answers, limit + kGrace)});
    return absl::OkStatus();
  });
}

}  // namespace stele::postgres
