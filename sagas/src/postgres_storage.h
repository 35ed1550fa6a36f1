#ifndef STELE_SAGAS_SRC_POSTGRES_STORAGE_H_
#define STELE_SAGAS_SRC_POSTGRES_STORAGE_H_

#include <memory>

#include "absl/status/status.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"
#include "stele/sagas/saga_storage.h"

namespace stele::sagas_internal {

// Timers and rows in tables beside the store's own.
std::shared_ptr<SagaStorage> MakePostgresSagaStorage(EventStore& store);

// kFailedPrecondition, with what to do, if the tables are missing, or older or
// newer than this library.
absl::Status CheckTables(Transaction& tx);

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_POSTGRES_STORAGE_H_
