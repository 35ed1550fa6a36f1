#include <memory>

#include "memory_storage.h"
#include "postgres_storage.h"
#include "stele/base/status.h"
#include "stele/eventstore/transaction.h"
#include "stele/sagas/saga_storage.h"

namespace stele {

absl::StatusOr<std::shared_ptr<SagaStorage>> OpenSagaStorage(EventStore& store,
                                                             Clock& clock) {
  bool has_sql = false;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    has_sql = tx.sql() != nullptr;
    return has_sql ? sagas_internal::CheckTables(tx) : absl::OkStatus();
  }));
  if (has_sql) return sagas_internal::MakePostgresSagaStorage(store);
  return std::make_shared<sagas_internal::MemorySagaStorage>(clock);
}

}  // namespace stele
