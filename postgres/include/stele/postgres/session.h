#ifndef STELE_POSTGRES_SESSION_H_
#define STELE_POSTGRES_SESSION_H_

#include <pqxx/connection_base>
#include <pqxx/connectionpolicy>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stele/postgres/statement.h"

namespace stele::postgres {

// A libpqxx connection that can also run our binary statements, inside the
// transaction that libpqxx has open on it.
//
// Every connection of a Pool is one: `static_cast<Session&>(tx.conn())`.
//
// Not thread-safe: one thread at a time.
class Session final : public pqxx::connection_base {
 public:
  // Connects. Throws libpqxx's exceptions.
  explicit Session(const std::string& dsn);
  ~Session() noexcept;

  // Runs `statement` and returns its rows. Does not throw.
  // Errors: those of StatusFromSqlstate().
  absl::StatusOr<Result> Execute(std::string_view doing,
                                 const Statement& statement,
                                 const Params& params);

  // True iff a statement of the open transaction failed, so that its commit
  // would silently be a rollback.
  bool InFailedTransaction() const;

  // True iff connected, as far as can be told without asking the server.
  bool LooksAlive();

 private:
  // Remembers the handle, which libpqxx keeps to itself.
  class Policy final : public pqxx::connectionpolicy {
   public:
    using pqxx::connectionpolicy::connectionpolicy;
    handle do_startconnect(handle original) override;
    handle do_disconnect(handle original) noexcept override;
    handle do_dropconnect(handle original) noexcept override;
    handle raw() const { return raw_; }

   private:
    handle raw_ = nullptr;
  };

  Policy policy_;
  std::set<std::string> prepared_;
};

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_SESSION_H_
