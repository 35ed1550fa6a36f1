#include "tests/support/postgres_role.h"

#include <cstdlib>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "stele/sandbox/supervised_process.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

absl::Status Execute(const std::string& sql) {
  return sandbox::RunProgram({.argv = {"psql", "--no-psqlrc", "--quiet",
                                       "--set", "ON_ERROR_STOP=1", "--dbname",
                                       PostgresEnv::Dsn(), "--command", sql}},
                             absl::Minutes(1))
      .status();
}

}  // namespace

PostgresRole::PostgresRole()
    : name_(absl::StrCat(PostgresEnv::FreshSchema(), "_role")) {
  const absl::Status made = Execute(absl::StrCat("CREATE ROLE ", name_));
  if (made.ok()) return;
  std::cerr << "no role for these tests: " << made.message() << "\n";
  std::exit(EXIT_FAILURE);
}

PostgresRole::~PostgresRole() {
  const absl::Status dropped =
      Execute(absl::StrCat("DROP OWNED BY ", name_, "; DROP ROLE ", name_));
  if (!dropped.ok()) std::cerr << dropped.message() << "\n";
}

std::string PostgresRole::Dsn() const {
  const std::string& dsn = PostgresEnv::Dsn();
  if (!absl::StrContains(dsn, "://")) {
    return absl::StrCat(dsn, " options='-c role=", name_, "'");
  }
  return absl::StrCat(dsn, absl::StrContains(dsn, "?") ? "&" : "?",
                      "options=-c%20role%3D", name_);
}

}  // namespace stele::testing
