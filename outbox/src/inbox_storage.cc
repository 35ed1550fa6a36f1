#include "stele/outbox/inbox_storage.h"

#include "inbox_storages.h"
#include "stele/base/status.h"

namespace stele {

absl::StatusOr<std::unique_ptr<InboxStorage>> OpenInboxStorage(
    EventStore& store) {
  bool has_sql = false;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    has_sql = tx.sql() != nullptr;
    return absl::OkStatus();
  }));
  return has_sql ? outbox_internal::MakePostgresInboxStorage(store)
                 : outbox_internal::MakeInMemoryInboxStorage();
}

}  // namespace stele
