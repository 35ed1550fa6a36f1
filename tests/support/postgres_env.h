#ifndef STELE_TESTS_SUPPORT_POSTGRES_ENV_H_
#define STELE_TESTS_SUPPORT_POSTGRES_ENV_H_

#include <string>

#include "stele/sandbox/private_postgres.h"

namespace stele::testing {

// The PostgreSQL of a test program: one private, non-durable server, started
// when it is first asked for and gone with the program. If STELE_DATABASE_URL
// is set, the server that it names instead, with the schemas dropped at the
// end.
//
// A test that kills, restarts or reconfigures its server starts its own
// sandbox::PrivatePostgres. Thread-safe.
class PostgresEnv {
 public:
  // A libpq connection string. Ends the program, with the reason, if there is
  // no server to be had.
  static const std::string& Dsn();

  // The name of a schema that nobody else uses, to be created by the test.
  static std::string FreshSchema();

  // The private server. Ends the program if STELE_DATABASE_URL is set.
  static sandbox::PrivatePostgres& Server();
};

}  // namespace stele::testing

#endif  // STELE_TESTS_SUPPORT_POSTGRES_ENV_H_
