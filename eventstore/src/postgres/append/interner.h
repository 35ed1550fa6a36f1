#ifndef STELE_EVENTSTORE_SRC_POSTGRES_APPEND_INTERNER_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_APPEND_INTERNER_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "postgres/append/batch.h"
#include "postgres/append/busy_names.h"
#include "postgres/history.h"
#include "postgres/io.h"
#include "postgres/names.h"
#include "postgres/statements.h"
#include "stele/postgres/connect_options.h"

namespace stele::postgres_store {

// Gives event types and stream categories their numbers, in transactions of
// their own. One that another session is registering is not waited for beyond
// the server's time-outs: it is then among the busy ones.
//
// Used on the IoThread only.
class Interner {
 public:
  Interner(IoThread& thread, const Statements& statements, History& history,
           const postgres::ConnectOptions& connect, absl::Duration timeout);

  // Gives up what is under way on its own connection.
  void Stop();

  // Resolves the names of `batch`, making numbers for those that have none yet.
  // `names_are_busy` says whether the error is that another session is
  // registering some of them.
  // REQUIRES: attached; the numbers are for this session's run.
  boost::asio::awaitable<absl::Status> ResolveOn(AdmittedConnection& connection,
                                                 AppendBatch& batch,
                                                 absl::Time deadline,
                                                 bool& names_are_busy);

  // The same on a connection of its own.
  // kUnavailable if that leads to another run of the server than `run`.
  boost::asio::awaitable<absl::Status> Resolve(AppendBatch& batch,
                                               ServerRunPtr run);

  BusyNames& busy() { return busy_; }

 private:
  boost::asio::awaitable<absl::Status> ResolveOnce(AppendBatch& batch,
                                                   const ServerRunPtr& run,
                                                   absl::Time deadline,
                                                   bool& names_are_busy);
  boost::asio::awaitable<absl::Status> Intern(AdmittedConnection& connection,
                                              AppendBatch& batch,
                                              absl::Time deadline);
  boost::asio::awaitable<absl::Status> InternNames(
      AdmittedConnection& connection, std::string_view doing,
      const postgres::Statement& statement,
      const std::vector<std::string_view>& missing, absl::Time deadline,
      Names<std::int32_t>& known);

  const Statements& statements_;
  const absl::Duration timeout_;
  AdmittedConnection connection_;
  Signal signal_;  // That the connection is free.
  BusyNames busy_;
  bool is_in_use_ = false;
  bool stopping_ = false;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_APPEND_INTERNER_H_
