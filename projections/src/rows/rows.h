#ifndef STELE_PROJECTIONS_SRC_ROWS_ROWS_H_
#define STELE_PROJECTIONS_SRC_ROWS_ROWS_H_

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/message.h"
#include "projection.h"
#include "stele/eventstore/transaction.h"

namespace stele::projections_internal {

using RowPtr = std::unique_ptr<google::protobuf::Message>;
using RowMap = absl::flat_hash_map<std::string, RowPtr>;

// A row that a batch changed.
struct RowChange {
  std::string key;
  const google::protobuf::Message* row = nullptr;  // Null = delete.
  bool was_there = false;                          // As Load() found it.
};

// The rows of one projection within one transaction.
//
// Not thread-safe: one thread at a time.
class Rows {
 public:
  virtual ~Rows() = default;
  // Puts the rows there are for `keys` (distinct) into `rows`.
  virtual absl::Status Load(std::span<const std::string> keys,
                            RowMap& rows) = 0;
  // Writes the changes (distinct keys, all of them loaded before).
  virtual absl::Status Write(std::span<const RowChange> changes) = 0;
};

// Whether two transactions may work on one row at a time. Behind a consumer
// they may not: its leases give each key one owner. Inline appends must lock.
enum class RowLocking { kByLease, kByRow };

// Rows in the table `table` (quoted, with schema), through `tx`.
std::unique_ptr<Rows> MakeSqlRows(pqxx::transaction_base& tx,
                                  const Projection& projection,
                                  std::string table, RowLocking locking);

// A table kept in memory. Thread-safe.
class MemoryTable {
 public:
  bool Find(const std::string& key, google::protobuf::Message& row) const;
  void Apply(const std::map<std::string, std::string>& puts,
             const std::vector<std::string>& deletes);
  std::size_t size() const;

 private:
  mutable absl::Mutex mutex_;
  // Serialized rows by key.
  absl::flat_hash_map<std::string, std::string> rows_ ABSL_GUARDED_BY(mutex_);
};

// Rows in `table`; changes reach it when `tx` commits, and are visible to later
// loads through this object before. `table` is kept alive by what is staged.
std::unique_ptr<Rows> MakeMemoryRows(Transaction& tx,
                                     const Projection& projection,
                                     std::shared_ptr<MemoryTable> table);

// One event and the key its consumer gave it.
using EventRef = const RecordedEvent*;

// Applies events to rows, in order: loads the rows of the whole batch, folds in
// memory, writes what changed. Row form.
absl::Status FoldRows(const Projection& projection,
                      std::span<const EventRef> events, Rows& rows);

// Applies events one after another. SQL form.
absl::Status ApplySql(const Projection& projection,
                      std::span<const EventRef> events,
                      const SqlTarget& target);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_ROWS_ROWS_H_
