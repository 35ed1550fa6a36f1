#ifndef STELE_POSTGRES_SESSION_H_
#define STELE_POSTGRES_SESSION_H_

#include <cstdint>
#include <memory>
#include <pqxx/connection_base>
#include <pqxx/connectionpolicy>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/postgres/statement.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace stele::postgres {

class AnswerWatch;
struct ConnectOptions;

// How long a session waits for its server.
struct Patience {
  // For the answer to a statement.
  absl::Duration statement = absl::InfiniteDuration();
  // From one answer to the next, with what the client does in between.
  absl::Duration answers = absl::InfiniteDuration();
};

// What fits the time-outs that the server keeps by `options`: a moment longer,
// so that the server's own word, which is a certain one, comes first.
Patience PatienceFor(const ConnectOptions& options);

// A libpqxx connection that can also run our binary statements, inside the
// transaction that libpqxx has open on it.
//
// Every connection of a Pool is one: `static_cast<Session&>(tx.conn())`.
//
// When its patience ends, the connection is shut down: what waits on it fails
// as if the server had closed it. A session that broke is not connected again.
//
// Not thread-safe: one thread at a time.
class Session final : public pqxx::connection_base {
 public:
  // Connects, within the connect_timeout of `dsn`. Throws libpqxx's exceptions.
  // `watch` must outlive the session; null = it waits for ever.
  explicit Session(const std::string& dsn, AnswerWatch* watch = nullptr);
  ~Session() noexcept;

  // Runs `statement` and returns its rows. Does not throw.
  // Errors: those of StatusFromSqlstate().
  absl::StatusOr<Result> Execute(std::string_view doing,
                                 const Statement& statement,
                                 const Params& params);

  // A number that whoever uses the session keeps with it; 0 in a new one.
  std::uint64_t mark() const { return mark_; }
  void set_mark(std::uint64_t mark) { mark_ = mark; }

  // True iff a statement of the open transaction failed, so that its commit
  // would silently be a rollback.
  bool InFailedTransaction() const;

  // True iff connected, as far as can be told without asking the server.
  bool LooksAlive();

  // From now on, until Rest().
  void SetPatience(Patience patience);
  Patience patience() const;
  // A statement is about to be sent by libpqxx. Those of Execute() need no such
  // word; of others, the time since the last answer counts.
  void ExpectAnswer();
  // An answer came; the next statement may take its time to be sent.
  void OnAnswer();
  // Nothing is waited for.
  void Rest();
  // True iff its patience has ended.
  bool was_silent() const;

 private:
  // Remembers the handle, which libpqxx keeps to itself.
  class Policy final : public pqxx::connectionpolicy {
   public:
    Policy(const std::string& dsn, Session& session)
        : pqxx::connectionpolicy(dsn), session_(session) {}
    handle do_startconnect(handle original) override;
    handle do_disconnect(handle original) noexcept override;
    handle do_dropconnect(handle original) noexcept override;
    handle raw() const { return raw_; }

   private:
    void Forget();

    Session& session_;
    handle raw_ = nullptr;
  };
  struct Watch;

  Policy policy_;
  std::unique_ptr<Watch> watch_;  // Null = none, or not connected any more.
  bool was_silent_ = false;       // Before it was disconnected.
  std::set<std::string> prepared_;
  std::uint64_t mark_ = 0;
};

// Lets each statement of the rest of the transaction `tx` of a Pool take up to
// `limit` (1 ms to 24 days), in place of the pool's time-out: for work that is
// known to be long. Waits for locks stay bounded by the pool's lock_timeout.
// A plain "SET LOCAL statement_timeout" would move the server's limit only.
//
// Errors: kInvalidArgument for a limit out of bounds; those of
// StatusFromSqlstate().
absl::Status AllowLongStatements(pqxx::transaction_base& tx,
                                 absl::Duration limit);

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_SESSION_H_
