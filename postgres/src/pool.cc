#include "stele/postgres/pool.h"

#include <algorithm>
#include <pqxx/nontransaction>
#include <pqxx/transaction>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "answer_watch.h"
#include "stele/base/backoff.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/postgres/errors.h"
#include "stele/postgres/session.h"

namespace stele::postgres {
namespace {

// A transaction that stays open, refusing all further statements, after one
// has failed. libpqxx would end it on the server at once; code that catches the
// exception and goes on would then work outside of any transaction, and what it
// writes would stay whatever becomes of the rest.
class Work final : public pqxx::transaction<> {
 public:
  explicit Work(Session& session)
      : pqxx::internal::namedclass("transaction"),
        pqxx::transaction<>(session),
        session_(session) {}

 private:
  pqxx::result do_exec(const char query[]) override {
    session_.ExpectAnswer();
    return direct_exec(query);
  }

  Session& session_;
};

absl::Duration Until(absl::Time deadline) {
  return std::max(deadline - absl::Now(), absl::ZeroDuration());
}

// What became of a transaction whose server fell silent, given that it failed
// with `status`.
absl::Status SilentError(std::string_view doing, const absl::Status& status) {
  // In doubt, or the work's own error, after which only the rollback was lost.
  if (!absl::IsUnavailable(status) && !absl::IsInternal(status)) return status;
  return absl::DeadlineExceededError(absl::StrCat(
      ToAbsl(doing),
      ": the server was silent for too long, and the connection was given up; "
      "nothing was committed"));
}

}  // namespace

class Pool::Impl {
 public:
  explicit Impl(PoolOptions options) : options_(std::move(options)) {}

  absl::Status Transact(
      std::string_view doing,
      absl::FunctionRef<absl::Status(pqxx::transaction_base&)> work);

  int connections() const {
    absl::MutexLock lock(&mutex_);
    return in_use_ + static_cast<int>(idle_.size());
  }

 private:
  absl::Status TryOnce(
      std::string_view doing,
      absl::FunctionRef<absl::Status(pqxx::transaction_base&)> work);
  absl::StatusOr<std::unique_ptr<Session>> Checkout(std::string_view doing);
  absl::StatusOr<std::unique_ptr<Session>> Open(std::string_view doing,
                                                absl::Time deadline);
  // `session` null: the connection was not worth keeping.
  void Return(std::unique_ptr<Session> session);

  const PoolOptions options_;
  AnswerWatch watch_;
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_ ABSL_GUARDED_BY(mutex_);
  int in_use_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::StatusOr<std::unique_ptr<Session>> Pool::Impl::Open(
    std::string_view doing, absl::Time deadline) {
  ConnectOptions connect = options_.connect;
  connect.connect_timeout = std::min(connect.connect_timeout, Until(deadline));
  STELE_ASSIGN_OR_RETURN(const std::string dsn, FullDsn(connect));
  return CatchingAll(
      absl::StrCat(ToAbsl(doing), ": connecting to PostgreSQL"),
      [&]() -> absl::StatusOr<std::unique_ptr<Session>> {
        auto session = std::make_unique<Session>(dsn, &watch_);
        session->SetPatience({.statement = connect.connect_timeout});
        session->ExpectAnswer();
        pqxx::nontransaction setup(*session);
        setup.exec(SessionSql(connect));
        setup.commit();
        return session;
      });
}

absl::StatusOr<std::unique_ptr<Session>> Pool::Impl::Checkout(
    std::string_view doing) {
  const absl::Time deadline = absl::Now() + options_.checkout_timeout;
  while (true) {
    std::unique_ptr<Session> session;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !idle_.empty() || in_use_ < options_.connections_max;
      };
      if (!mutex_.AwaitWithTimeout(absl::Condition(&has_free),
                                   Until(deadline))) {
        return absl::UnavailableError(
            absl::StrCat(ToAbsl(doing), ": all ", options_.connections_max,
                         " connections stayed in use for ",
                         absl::FormatDuration(options_.checkout_timeout)));
      }
      ++in_use_;
      if (!idle_.empty()) {
        session = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (session != nullptr && session->LooksAlive()) return session;
    if (session != nullptr) {
      session.reset();
      Return(nullptr);
      continue;
    }
    auto opened = Open(doing, deadline);
    if (!opened.ok()) Return(nullptr);
    return opened;
  }
}

void Pool::Impl::Return(std::unique_ptr<Session> session) {
  if (session != nullptr) session->Rest();
  absl::MutexLock lock(&mutex_);
  --in_use_;
  if (session != nullptr) idle_.push_back(std::move(session));
}

absl::Status Pool::Impl::TryOnce(
    std::string_view doing,
    absl::FunctionRef<absl::Status(pqxx::transaction_base&)> work) {
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Checkout(doing));
  const auto give_back = absl::MakeCleanup([&] {
    if (!session->LooksAlive()) session.reset();
    Return(std::move(session));
  });
  session->SetPatience(PatienceFor(options_.connect));
  const absl::Status status = CatchingAll(doing, [&]() -> absl::Status {
    session->ExpectAnswer();
    Work tx(*session);
    const auto before_the_end =
        absl::MakeCleanup([&] { session->ExpectAnswer(); });
    STELE_RETURN_IF_ERROR(CatchingAll(doing, [&] { return work(tx); }));
    if (session->InFailedTransaction()) {
      // The server would answer COMMIT with a rollback, and no error.
      return absl::InternalError(absl::StrCat(
          ToAbsl(doing),
          ": a statement failed and its error was not returned; nothing was "
          "committed"));
    }
    session->ExpectAnswer();
    tx.commit();
    return absl::OkStatus();
  });
  if (status.ok() || !session->was_silent()) return status;
  return SilentError(doing, status);
}

absl::Status Pool::Impl::Transact(
    std::string_view doing,
    absl::FunctionRef<absl::Status(pqxx::transaction_base&)> work) {
  Backoff backoff({absl::Milliseconds(2), absl::Milliseconds(200)});
  while (true) {
    absl::Status status = TryOnce(doing, work);
    if (!IsRolledBack(status) || backoff.failures() + 1 >= options_.tries_max) {
      return status;
    }
    absl::SleepFor(backoff.Next());
  }
}

Pool::Pool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pool::~Pool() = default;

absl::StatusOr<std::unique_ptr<Pool>> Pool::Create(PoolOptions options) {
  if (options.connections_max < 1 || options.connections_max > 256) {
    return absl::InvalidArgumentError(absl::StrCat(
        "connections_max is ", options.connections_max, "; use 1 to 256"));
  }
  if (options.tries_max < 1) {
    return absl::InvalidArgumentError("tries_max must be at least 1");
  }
  STELE_RETURN_IF_ERROR(ValidateDsn(options.connect.dsn));
  return std::unique_ptr<Pool>(
      new Pool(std::make_unique<Impl>(std::move(options))));
}

absl::Status Pool::Transact(
    std::string_view doing,
    absl::FunctionRef<absl::Status(pqxx::transaction_base&)> work) {
  return impl_->Transact(doing, work);
}

int Pool::connections() const { return impl_->connections(); }

}  // namespace stele::postgres
