#ifndef STELE_POSTGRES_POOL_H_
#define STELE_POSTGRES_POOL_H_

#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/postgres/connect_options.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace stele::postgres {

class Session;

struct PoolOptions {
  ConnectOptions connect;
  int connections_max = 8;  // 1 to 256. Made when first needed.
  // How long to wait for a free connection, the making of one included.
  absl::Duration checkout_timeout = absl::Seconds(30);
  // How often Transact() runs work that the server rolled back.
  int tries_max = 10;  // >= 1.
};

// A bounded set of libpqxx connections. Idle ones are looked at before they are
// used again; broken ones are thrown away. So is one on which the server is
// silent for longer than the time-outs of `PoolOptions::connect` allow it to
// be; with a statement_timeout of zero it may be silent for ever.
//
// Thread-safe.
class Pool {
 public:
  // Reaches no server yet.
  //   kInvalidArgument  an option is out of bounds or the dsn is malformed.
  static absl::StatusOr<std::unique_ptr<Pool>> Create(PoolOptions options);
  ~Pool();

  // Runs `work` in a READ COMMITTED transaction and commits when it returns OK;
  // rolls back when it returns an error or throws. Work that the server rolled
  // back (serialization failure, deadlock) is run again, after a short random
  // wait, up to `tries_max` times in all. `doing` names it in errors. The
  // connection behind the transaction is a Session.
  //
  // `work` that waits for another connection of this pool, as a transaction
  // within a transaction does, may wait for itself: that ends with an error
  // after `checkout_timeout`, no sooner.
  //
  // Errors: those of `work`; those of StatusFromSqlstate(); kUnavailable when
  // no connection can be had; kDeadlineExceeded when the server fell silent; in
  // doubt (kUnknown) when the connection broke during the commit; kInternal
  // when `work` hid a failed statement.
  absl::Status Transact(
      std::string_view doing,
      absl::FunctionRef<absl::Status(pqxx::transaction_base&)> work);

  // Connections in use and idle, together at most `connections_max`.
  int connections() const;

 private:
  class Impl;
  explicit Pool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_POOL_H_
