#include "stele/sandbox/user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::sandbox {
namespace {

constexpr std::size_t kEntryBytes = 16 << 10;  // Names, home, shell.

User ToUser(const passwd& entry) {
  User user{.name = entry.pw_name, .uid = entry.pw_uid, .gid = entry.pw_gid};
  int count = 64;
  user.groups.resize(count);
  if (getgrouplist(entry.pw_name, entry.pw_gid, user.groups.data(), &count) <
      0) {
    count = 0;  // In more groups than that: none is needed.
  }
  user.groups.resize(count);
  return user;
}

}  // namespace

absl::StatusOr<User> FindUser(std::string_view name) {
  std::vector<char> buffer(kEntryBytes);
  passwd entry = {};
  passwd* found = nullptr;
  getpwnam_r(std::string(name).c_str(), &entry, buffer.data(), buffer.size(),
             &found);
  if (found == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("no user ", Quoted(name), " on this machine"));
  }
  return ToUser(*found);
}

absl::StatusOr<User> ServerUser() {
  if (!IsRoot()) {
    return User{.name = "", .uid = geteuid(), .gid = getegid()};
  }
  absl::StatusOr<User> postgres = FindUser("postgres");
  return postgres.ok() ? postgres : FindUser("nobody");
}

bool IsRoot() { return geteuid() == 0; }

}  // namespace stele::sandbox
