#include "stele/outbox/inbox_storage.h"

#include <span>

#include "inbox_storages.h"
#include "stele/base/status.h"
#include "stele/eventstore/transaction.h"
#include "stele/outbox/migrations.h"
#include "stele/postgres/migrator.h"

namespace stele {

absl::StatusOr<std::unique_ptr<InboxStorage>> OpenInboxStorage(
    EventStore& store) {
  bool has_sql = false;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    has_sql = tx.sql() != nullptr;
    return has_sql ? postgres::CheckMigrated(*tx.sql(), tx.schema(),
                                             std::span(&OutboxMigrations(), 1))
                   : absl::OkStatus();
  }));
  return has_sql ? outbox_internal::MakePostgresInboxStorage(store)
                 : outbox_internal::MakeInMemoryInboxStorage();
}

}  // namespace stele
