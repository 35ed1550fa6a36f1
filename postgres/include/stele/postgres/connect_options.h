#ifndef STELE_POSTGRES_CONNECT_OPTIONS_H_
#define STELE_POSTGRES_CONNECT_OPTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stele::postgres {

// How to reach a database, and how its sessions behave.
struct ConnectOptions {
  // A libpq connection string or URI. TLS and certificate settings are passed
  // through.
  std::string dsn = {};
  std::string application_name = "stele";
  absl::Duration connect_timeout = absl::Seconds(10);  // >= 1 s.

  // How long the network may lose what is sent, or be silent and leave probes
  // unanswered, before a TCP connection counts as broken. Zero = the system's
  // own setting, which may be hours.
  absl::Duration network_timeout = absl::Seconds(30);

  // Bounds that the server keeps, so that a client that hangs or died cannot
  // hold locks for ever. Zero = the server's own setting.
  absl::Duration statement_timeout = absl::ZeroDuration();  // Waits included.
  absl::Duration lock_timeout = absl::ZeroDuration();       // Each wait.
  absl::Duration idle_in_transaction_timeout = absl::ZeroDuration();

  // More statements for every new session: "SET jit = off". Separated by ';'.
  std::string session_sql = {};

  // False: statements are sent with their text each time, for a connection
  // pooler that hands out a different session to every transaction.
  bool prepare_statements = true;
};

// OK iff libpq can parse the connection string, kInvalidArgument otherwise,
// without a piece of it: a password may stand in a wrong place. For that, a URI
// with an @ in its host or path is refused, too. Reaches no server.
absl::Status ValidateDsn(const std::string& dsn);

// `options.dsn` with application name and time-outs of the client added, unless
// it sets them itself, as one connection string.
absl::StatusOr<std::string> FullDsn(const ConnectOptions& options);

// The statements that a new session begins with; may be empty.
std::string SessionSql(const ConnectOptions& options);

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_CONNECT_OPTIONS_H_
