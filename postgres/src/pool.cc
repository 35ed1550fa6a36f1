#include "stele/postgres/pool.h"

#include <pqxx/nontransaction>
#include <pqxx/transaction>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
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
  explicit Work(pqxx::connection_base& connection)
      : pqxx::internal::namedclass("transaction"),
        pqxx::transaction<>(connection) {}

 private:
  pqxx::result do_exec(const char query[]) override {
    return direct_exec(query);
  }
};

}  // namespace

class Pool::Impl {
 public:
  Impl(PoolOptions options, std::string dsn)
      : options_(std::move(options)), dsn_(std::move(dsn)) {}

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
  absl::StatusOr<std::unique_ptr<Session>> Open(std::string_view doing);
  // `session` null: the connection was not worth keeping.
  void Return(std::unique_ptr<Session> session);

  const PoolOptions options_;
  const std::string dsn_;
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_ ABSL_GUARDED_BY(mutex_);
  int in_use_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::StatusOr<std::unique_ptr<Session>> Pool::Impl::Open(
    std::string_view doing) {
  return CatchingAll(absl::StrCat(ToAbsl(doing), ": connecting to PostgreSQL"),
                     [&]() -> absl::StatusOr<std::unique_ptr<Session>> {
                       auto session = std::make_unique<Session>(dsn_);
                       pqxx::nontransaction setup(*session);
                       setup.exec(SessionSql(options_.connect));
                       setup.commit();
                       return session;
                     });
}

absl::StatusOr<std::unique_ptr<Session>> Pool::Impl::Checkout(
    std::string_view doing) {
  while (true) {
    std::unique_ptr<Session> session;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !idle_.empty() || in_use_ < options_.connections_max;
      };
      if (!mutex_.AwaitWithTimeout(absl::Condition(&has_free),
                                   options_.checkout_timeout)) {
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
    auto opened = Open(doing);
    if (!opened.ok()) Return(nullptr);
    return opened;
  }
}

void Pool::Impl::Return(std::unique_ptr<Session> session) {
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
  return CatchingAll(doing, [&]() -> absl::Status {
    Work tx(*session);
    STELE_RETURN_IF_ERROR(CatchingAll(doing, [&] { return work(tx); }));
    if (session->InFailedTransaction()) {
      // The server would answer COMMIT with a rollback, and no error.
      return absl::InternalError(absl::StrCat(
          ToAbsl(doing),
          ": a statement failed and its error was not returned; nothing was "
          "committed"));
    }
    tx.commit();
    return absl::OkStatus();
  });
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
  STELE_ASSIGN_OR_RETURN(std::string dsn, FullDsn(options.connect));
  return std::unique_ptr<Pool>(
      new Pool(std::make_unique<Impl>(std::move(options), std::move(dsn))));
}

absl::Status Pool::Transact(
    std::string_view doing,
    absl::FunctionRef<absl::Status(pqxx::transaction_base&)> work) {
  return impl_->Transact(doing, work);
}

int Pool::connections() const { return impl_->connections(); }

}  // namespace stele::postgres
