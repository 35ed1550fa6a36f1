#ifndef STELE_POSTGRES_SRC_STILL_OPEN_H_
#define STELE_POSTGRES_SRC_STILL_OPEN_H_

#include <libpq-fe.h>

namespace stele::postgres {

// True iff an idle session is still connected, as far as can be told without
// asking the server.
inline bool IsStillOpen(PGconn* session) {
  // The first read may bring the server's farewell, the second the end of the
  // stream behind it.
  for (int reads = 0; reads < 2; ++reads) {
    if (PQconsumeInput(session) == 0) return false;
  }
  if (PQisBusy(session) == 0) {
    while (PGresult* const result = PQgetResult(session)) PQclear(result);
  }
  return PQstatus(session) == CONNECTION_OK;
}

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_SRC_STILL_OPEN_H_
