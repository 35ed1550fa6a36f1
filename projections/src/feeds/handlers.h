#ifndef STELE_PROJECTIONS_SRC_FEEDS_HANDLERS_H_
#define STELE_PROJECTIONS_SRC_FEEDS_HANDLERS_H_

#include <memory>
#include <string>

#include "projection.h"
#include "rows/rows.h"
#include "stele/eventstore/consumer.h"

namespace stele::projections_internal {

// Which table a handler fills, and for which consumer.
struct FeedTarget {
  std::string read_schema;
  std::string table;
  int version = 0;
  std::string consumer;
};

// Fills a version's table from the log. kCancelled once the version is no
// longer fed by this consumer, whatever the consumer believes.
std::unique_ptr<BatchHandler> MakeSqlHandler(
    std::shared_ptr<const Projection> projection, FeedTarget target);

// Fills a table in memory. Row form only.
std::unique_ptr<BatchHandler> MakeMemoryHandler(
    std::shared_ptr<const Projection> projection,
    std::shared_ptr<MemoryTable> table);

// Applies events to a table in SQL, in either form.
absl::Status ApplyToTable(pqxx::transaction_base& tx,
                          const Projection& projection,
                          std::span<const EventRef> events,
                          const std::string& quoted_table, RowLocking locking);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_FEEDS_HANDLERS_H_
