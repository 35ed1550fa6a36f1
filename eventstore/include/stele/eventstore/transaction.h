#ifndef STELE_EVENTSTORE_TRANSACTION_H_
#define STELE_EVENTSTORE_TRANSACTION_H_

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/eventstore/event.h"
#include "stele/eventstore/event_store.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace stele {

// One unit of work on a store: see EventStore::Transact().
//
// Not thread-safe: used only by the thread and during the call it was made for.
class Transaction {
 public:
  virtual ~Transaction() = default;

  // As EventStore::AppendAll(), part of this transaction. After an error the
  // transaction can only be rolled back: return the error.
  //
  // `inline_work`, if given, runs after the streams are locked and checked and
  // before any position is taken, with the events as they will be recorded but
  // for their position, which is 0: the place for work that must commit with
  // the events without delaying the readers of the log.
  virtual absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests,
      const std::function<absl::Status(std::span<const RecordedEvent>)>&
          inline_work = nullptr) = 0;

  // The SQL transaction underneath; null in a store that has none (in memory).
  // Work on it must leave it usable: commit and rollback belong to the store.
  virtual pqxx::transaction_base* sql() = 0;

  // The schema of the store's own tables, "" where there is none.
  virtual const std::string& schema() const = 0;

  // Has `effect` run right after a successful commit, on the same thread. For
  // state kept in memory. Not when the commit is in doubt or fails. It must not
  // throw (if it does, that is logged) or call the store.
  virtual void OnCommit(std::function<void()> effect) = 0;
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_TRANSACTION_H_
