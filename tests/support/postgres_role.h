#ifndef STELE_TESTS_SUPPORT_POSTGRES_ROLE_H_
#define STELE_TESTS_SUPPORT_POSTGRES_ROLE_H_

#include <string>

namespace stele::testing {

// A role of the server of PostgresEnv that owns nothing and may do nothing but
// connect. Gone with this object, together with all rights it was given. Ends
// the program, with the reason, if there is none to be had.
class PostgresRole {
 public:
  PostgresRole();
  ~PostgresRole();
  PostgresRole(const PostgresRole&) = delete;
  PostgresRole& operator=(const PostgresRole&) = delete;

  const std::string& name() const { return name_; }
  // Of the tests' database; sessions act as this role.
  std::string Dsn() const;

 private:
  std::string name_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_SUPPORT_POSTGRES_ROLE_H_
