#include "feeds/sql_inline.h"

#include <algorithm>
#include <optional>
#include <pqxx/pqxx>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "feeds/handlers.h"
#include "registry.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/status.h"

namespace stele::projections_internal {
namespace {

using ProjectionPtr = std::shared_ptr<const Projection>;

class SqlInlineSession : public InlineSession {
 public:
  SqlInlineSession(Transaction& tx,
                   const std::vector<ProjectionPtr>& projections)
      : tx_(tx), projections_(projections) {}

  absl::Status Apply(std::span<const EventRef> events) override {
    for (const ProjectionPtr& projection : projections_) {
      const std::vector<EventRef> wanted = OnlyOf(*projection, events);
      if (wanted.empty()) continue;
      STELE_RETURN_IF_ERROR(
          RunSql([&] { return ApplyOne(*projection, wanted); }));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ApplyOne(const Projection& projection,
                        std::span<const EventRef> events) {
    Registry registry(tx_);
    if (!TryShareInline(registry, projection.type.name)) {
      return HeldBackError(projection.type.name);
    }
    STELE_ASSIGN_OR_RETURN(const std::optional<std::string> table,
                           TableToFill(registry, projection));
    if (!table.has_value()) return absl::OkStatus();
    return ApplyToTable(*tx_.sql(), projection, events, *table,
                        RowLocking::kByRow);
  }

  // Nullopt where the log fills the table. Read in a statement of its own after
  // the lock, so that a switch that has just committed is seen. Also tells the
  // store that the work of this projection is done here: see
  // Registry::Guard().
  absl::StatusOr<std::optional<std::string>> TableToFill(
      Registry& registry, const Projection& projection) {
    done_.insert(projection.type.name);
    const pqxx::result found = registry.sql().exec_params(
        absl::StrCat("SELECT v.feed = 'appends', v.fingerprint = $2, "
                     "p.read_schema, v.table_name, "
                     "set_config('stele.inline_work', $3, true) FROM ",
                     registry.Table("projections"), " p JOIN ",
                     registry.Table("projection_versions"),
                     " v ON v.name = p.name AND v.version = p.active "
                     "WHERE p.name = $1"),
        projection.type.name, projection.fingerprint,
        ArrayOf(std::vector<std::string>(done_.begin(), done_.end())));
    if (found.empty()) {
      return absl::NotFoundError(absl::StrCat(
          "projection ", projection.type.name, " is no longer registered"));
    }
    const pqxx::row& row = found[0];
    const bool is_filled_by_appends = row[0].as<bool>();
    const bool is_ours = row[1].as<bool>();
    if (!is_filled_by_appends) return std::optional<std::string>();
    if (is_ours) {
      return std::optional<std::string>(
          QuoteTable(row[2].as<std::string>(), row[3].as<std::string>()));
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "the table of inline projection ", projection.type.name,
        " belongs to other code now: this process must not append its events; "
        "restart it with that code"));
  }

  Transaction& tx_;
  const std::vector<ProjectionPtr>& projections_;
  std::set<std::string> done_;  // The work of these is done.
};

class SqlInlineWork : public InlineWork {
 public:
  explicit SqlInlineWork(std::vector<ProjectionPtr> projections)
      : projections_(std::move(projections)) {
    // One order for all processes, so that their locks cannot cross.
    std::sort(projections_.begin(), projections_.end(),
              [](const ProjectionPtr& a, const ProjectionPtr& b) {
                return a->type.name < b->type.name;
              });
  }

  bool Consumes(std::string_view event_type) const override {
    return std::any_of(projections_.begin(), projections_.end(),
                       [&](const ProjectionPtr& projection) {
                         return projection->Find(event_type) != nullptr;
                       });
  }

  std::unique_ptr<InlineSession> Begin(Transaction& tx) override {
    return std::make_unique<SqlInlineSession>(tx, projections_);
  }

 private:
  std::vector<ProjectionPtr> projections_;
};

}  // namespace

std::unique_ptr<InlineWork> MakeSqlInlineWork(
    std::vector<ProjectionPtr> projections) {
  return std::make_unique<SqlInlineWork>(std::move(projections));
}

}  // namespace stele::projections_internal
