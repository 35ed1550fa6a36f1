#ifndef STELE_EVENTSTORE_SRC_POSTGRES_SERVICE_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_SERVICE_H_

#include <string>

#include "absl/status/status.h"
#include "stele/postgres/pool.h"

namespace stele::postgres_store {

// Has the store in `schema` be of `service` if it is nobody's.
// kFailedPrecondition if it is another's.
absl::Status ClaimStore(postgres::Pool& pool, const std::string& schema,
                        const std::string& service);

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_SERVICE_H_
