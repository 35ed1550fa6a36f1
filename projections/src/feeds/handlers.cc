#include "feeds/handlers.h"

#include <pqxx/pqxx>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/status.h"

namespace stele::projections_internal {
namespace {

std::vector<EventRef> Refs(std::span<const KeyedEvent> batch) {
  std::vector<EventRef> events;
  events.reserve(batch.size());
  for (const KeyedEvent& keyed : batch) events.push_back(&keyed.event);
  return events;
}

class HandlerBase : public BatchHandler {
 public:
  explicit HandlerBase(std::shared_ptr<const Projection> projection)
      : projection_(std::move(projection)) {}

  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) override {
    if (projection_->Find(event.type) == nullptr) {
      return std::optional<std::string>();
    }
    return projection_->OrderKeyOf(event);
  }

 protected:
  const Projection& projection() const { return *projection_; }

 private:
  const std::shared_ptr<const Projection> projection_;
};

class SqlHandler : public HandlerBase {
 public:
  SqlHandler(std::shared_ptr<const Projection> projection, FeedTarget target)
      : HandlerBase(std::move(projection)), target_(std::move(target)) {}

  absl::Status Handle(std::span<const KeyedEvent> batch,
                      CommitBatch commit) override {
    const std::vector<EventRef> events = Refs(batch);
    return commit([&](Transaction& tx) -> absl::Status {
      STELE_RETURN_IF_ERROR(CheckGate(tx));
      return ApplyToTable(*tx.sql(), projection(), events,
                          QuoteTable(target_.read_schema, target_.table),
                          RowLocking::kByLease);
    });
  }

 private:
  // Locks the version's row against a switch until the batch commits. Served
  // by the primary key.
  absl::Status CheckGate(Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      const pqxx::result found = tx.sql()->exec_params(
          absl::StrCat("SELECT 1 FROM ",
                       QuoteTable(tx.schema(), "projection_versions"),
                       " WHERE name = $1 AND version = $2 AND consumer = $3 "
                       "AND feed = 'log' AND state IN ('building', 'active', "
                       "'previous') FOR SHARE"),
          projection().type.name, target_.version, target_.consumer);
      if (!found.empty()) return absl::OkStatus();
      return absl::CancelledError(
          absl::StrCat(target_.consumer, " no longer feeds ", target_.table));
    });
  }

  const FeedTarget target_;
};

class MemoryHandler : public HandlerBase {
 public:
  MemoryHandler(std::shared_ptr<const Projection> projection,
                std::shared_ptr<MemoryTable> table)
      : HandlerBase(std::move(projection)), table_(std::move(table)) {}

  absl::Status Handle(std::span<const KeyedEvent> batch,
                      CommitBatch commit) override {
    const std::vector<EventRef> events = Refs(batch);
    return commit([&](Transaction& tx) -> absl::Status {
      const auto rows = MakeMemoryRows(tx, projection(), table_);
      return FoldRows(projection(), events, *rows);
    });
  }

 private:
  const std::shared_ptr<MemoryTable> table_;
};

}  // namespace

std::unique_ptr<BatchHandler> MakeSqlHandler(
    std::shared_ptr<const Projection> projection, FeedTarget target) {
  return std::make_unique<SqlHandler>(std::move(projection), std::move(target));
}

std::unique_ptr<BatchHandler> MakeMemoryHandler(
    std::shared_ptr<const Projection> projection,
    std::shared_ptr<MemoryTable> table) {
  return std::make_unique<MemoryHandler>(std::move(projection),
                                         std::move(table));
}

absl::Status ApplyToTable(pqxx::transaction_base& tx,
                          const Projection& projection,
                          std::span<const EventRef> events,
                          const std::string& quoted_table, RowLocking locking) {
  if (projection.type.is_sql) {
    return ApplySql(projection, events, SqlTarget(tx, quoted_table));
  }
  const auto rows = MakeSqlRows(tx, projection, quoted_table, locking);
  return FoldRows(projection, events, *rows);
}

}  // namespace stele::projections_internal
