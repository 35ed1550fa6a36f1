#ifndef STELE_EVENTSTORE_POSTGRES_EVENT_STORE_H_
#define STELE_EVENTSTORE_POSTGRES_EVENT_STORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/event_store.h"

namespace stele::postgres {
struct MigrationSet;
}  // namespace stele::postgres

namespace stele {

struct PostgresEventStoreOptions {
  // A libpq connection string or URI: "dbname=bank", "postgresql://...".
  std::string dsn = {};

  // The schema that holds the store's tables. Several stores share a database
  // by different schemas. A letter, then letters, digits and underscores.
  std::string schema = "stele";

  // The service that opens its store. A store belongs to the first that opened
  // it with a name, and no other may: two of them in one schema would take each
  // other's consumers for their own. Empty = opened for whatever service it is
  // of, as the `stele` command does. Up to 256 bytes of UTF-8 on one line.
  std::string service = {};

  // Connections that append and that read, and up to how many carry
  // transactions. Further ones: one that follows the head, one that notifies,
  // one that registers names, one that appends to streams which other sessions
  // hold, up to two for consumers(), and for a moment one that makes room for
  // events.
  int append_connections = 2;  // 1 to 64.
  int read_connections = 2;    // 1 to 64.
  int sql_connections = 8;     // 1 to 256.

  // Most appends that share one commit.
  int group_appends_max = 256;  // 1 to 1000.
  // Appends waiting beyond this are refused with kResourceExhausted.
  int waiting_appends_max = 100'000;  // 1 to 10'000'000.

  // Time-outs: up to 1 h each.

  // How long a call may take before it fails with kDeadlineExceeded, or in
  // doubt if it may have been committed. Also the server's statement_timeout.
  // What counts:
  //   appends         the whole call. On a server that falls silent in the
  //                   midst of it up to twice that: appends that share a commit
  //                   wait as long as the newest of them may, and an older one
  //                   may have waited its time for a connection before.
  //   reads           each page, since a visitor may take its time.
  //   transactions    the wait for a connection; then each statement. Longer
  //                   ones: postgres::AllowLongStatements().
  //   consumers()     as transactions.
  // A server that is alive answers within it. One that is silent, or behind a
  // network that is, gets two seconds more before its connection is given up.
  absl::Duration call_timeout = absl::Seconds(30);  // >= 10 ms.

  // How long connecting may take. Resolving the server's name is not in it.
  absl::Duration connect_timeout = absl::Seconds(10);  // >= 1 s.

  // How long a transaction may do without the server, between its statements,
  // before the server ends it: one that appended holds the head meanwhile.
  // >= 10 ms.
  absl::Duration idle_in_transaction_timeout = absl::Minutes(1);

  // How long a TCP connection may lose what is sent, or leave the probes of a
  // quiet one unanswered, before it counts as broken. >= 1 s.
  absl::Duration network_timeout = absl::Seconds(30);

  std::string application_name = "stele";
  Metrics* metrics = nullptr;  // Must outlive the store. Null = none.
};

// Opens the store in a database that `stele migrate` (or MigrateEventStore())
// has prepared. Destroying it takes seconds at most, whatever the server does:
// an append that is still under way after two is given up, in doubt.
//
// Every connection is looked at before it is used, but for those of
// consumers(), which keep nothing of the log: does it lead to the log that this
// process knows? A restart or a failover that lost nothing goes unnoticed. If
// one is gone of the last 10,000 events that this process saw committed, its
// own and those that the head passed (of more than 2,000 at once, the first and
// the last thousand), the store's Epoch() changes, in the database too; nothing
// is written under numbers of the lost events, and who reads on from a position
// of theirs gets kDataLoss. A loss of others only goes unnoticed, so tell: see
// "After a restore" in docs/operating/failures.md. A server that is a standby,
// or still recovering, counts as unavailable.
//
// Errors:
//   kInvalidArgument     an option is out of bounds or the dsn is malformed.
//   kUnavailable         the server cannot be reached.
//   kFailedPrecondition  the schema is missing, older or newer than this
//                        library, or the store is another service's; the
//                        message says which and what to do.
//   kPermissionDenied    the role of the connection may not use the schema; the
//                        message names both, the owner, and what would help.
absl::StatusOr<std::unique_ptr<EventStore>> OpenPostgresEventStore(
    PostgresEventStoreOptions options);

struct MigrationReport {
  int from = 0;  // Schema version before; 0 = nothing there.
  int to = 0;    // Schema version now.
};

// Brings the store's schema up to this library's version, in one transaction
// and guarded against a second migration at the same time. With `dry_run` all
// is done and rolled back; its locks are taken.
//
// Errors:
//   kFailedPrecondition  the schema is newer than this library, or a migration
//                        that was applied differs from the one known here.
//   kPermissionDenied    the role of the connection lacks a right.
absl::StatusOr<MigrationReport> MigrateEventStore(const std::string& dsn,
                                                  const std::string& schema,
                                                  bool dry_run = false);

// OK unless the store in `schema` is of another service: for who migrates
// before opening. OK, too, if there is no store yet. Claims nothing.
//
// Errors:
//   kInvalidArgument     the dsn, the schema or the name is malformed.
//   kFailedPrecondition  it is another's; the message says whose.
absl::Status CheckStoreService(const std::string& dsn,
                               const std::string& schema,
                               const std::string& service);

// Has the store in `schema` be of `service`, whosever it was: for a service
// with a new name. Processes that have it open go on.
//
// Errors:
//   kInvalidArgument     the dsn, the schema or the name is malformed.
//   kFailedPrecondition  there is no store, or not of this library's version.
absl::Status SetStoreService(const std::string& dsn, const std::string& schema,
                             const std::string& service);

// The store's own migrations, for postgres::Migrate() together with those of
// other modules.
const postgres::MigrationSet& EventStoreMigrations();

}  // namespace stele

#endif  // STELE_EVENTSTORE_POSTGRES_EVENT_STORE_H_
