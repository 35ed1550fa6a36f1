#ifndef STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_STATUSES_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_STATUSES_H_

#include <vector>

#include "stele/eventstore/consumer_storage.h"
#include "stele/postgres/statement.h"

namespace stele::postgres_store {

// Consumers as an operator sees them: of what `list` and `list_owners`, or
// `find_status` and `find_owners`, of ConsumerSql returned.
std::vector<ConsumerStatus> ConsumersOf(const postgres::Result& rows,
                                        const postgres::Result& owner_rows);

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_CONSUMERS_STATUSES_H_
