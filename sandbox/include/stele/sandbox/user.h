#ifndef STELE_SANDBOX_USER_H_
#define STELE_SANDBOX_USER_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace stele::sandbox {

// A user of this machine, as whom a process can be run.
struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups = {};  // Supplementary ones.
};

// Errors: kNotFound if this machine has no such user.
absl::StatusOr<User> FindUser(std::string_view name);

// As whom to run servers that refuse to run as root: this process's own user
// or, when that is root, `postgres` if there is such a user, else `nobody`.
absl::StatusOr<User> ServerUser();

// True iff this process may run others as somebody else.
bool IsRoot();

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_USER_H_
