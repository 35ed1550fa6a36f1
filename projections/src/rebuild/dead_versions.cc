#include "rebuild/dead_versions.h"

#include <optional>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "registry.h"
#include "sql.h"
#include "sql_text.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele::projections_internal {
namespace {

absl::Status DropVersion(EventStore& store, const RegistryRow& row,
                         const VersionRow& version,
                         absl::Duration lock_timeout) {
  for (int feed = 1; feed <= version.feeds; ++feed) {
    STELE_RETURN_IF_ERROR(store.consumers().Forget(
        ConsumerName(row.name, version.fingerprint, version.version, feed)));
  }
  return store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      Registry registry(tx);
      LimitLockWaits(registry, lock_timeout);
      registry.LockChanges();
      registry.sql().exec(absl::StrCat(
          "DROP TABLE IF EXISTS ", QuoteTable(row.read_schema, version.table)));
      registry.SetState(row.name, version.version, VersionState::kGone);
      return absl::OkStatus();
    });
  });
}

}  // namespace

absl::Status DropDeadVersions(EventStore& store, const std::string& projection,
                              absl::Duration lock_timeout) {
  std::optional<RegistryRow> row;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      row = Registry(tx).Find(projection);
      return absl::OkStatus();
    });
  }));
  if (!row.has_value()) return absl::OkStatus();
  for (const VersionRow& version : row->versions) {
    if (version.state != VersionState::kDropped) continue;
    STELE_RETURN_IF_ERROR(DropVersion(store, *row, version, lock_timeout));
  }
  return absl::OkStatus();
}

}  // namespace stele::projections_internal
