#ifndef STELE_OUTBOX_SRC_INBOX_STORAGES_H_
#define STELE_OUTBOX_SRC_INBOX_STORAGES_H_

#include <memory>

#include "stele/outbox/inbox_storage.h"

namespace stele::outbox_internal {

std::unique_ptr<InboxStorage> MakeInMemoryInboxStorage();
std::unique_ptr<InboxStorage> MakePostgresInboxStorage(EventStore& store);

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_INBOX_STORAGES_H_
