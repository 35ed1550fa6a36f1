#ifndef STELE_POSTGRES_SRC_RIGHTS_H_
#define STELE_POSTGRES_SRC_RIGHTS_H_

#include <pqxx/connection_base>
#include <string>

#include "absl/status/status.h"

namespace stele::postgres {

// `denied`, a kPermissionDenied about something in `schema`, with who asked,
// whose the schema is, and what would help. Asks the server; if that fails,
// `denied` as it is.
// REQUIRES: `session` has no open transaction.
absl::Status WithRights(pqxx::connection_base& session,
                        const std::string& schema, const absl::Status& denied);

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_SRC_RIGHTS_H_
