#ifndef STELE_SANDBOX_PRIVATE_FOLDER_H_
#define STELE_SANDBOX_PRIVATE_FOLDER_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/sandbox/user.h"

namespace stele::sandbox {

class Watchdog;

// Where sandboxes are made: TMPDIR if it is an absolute path that `user` can
// reach, without commas, which part the folders of PostgreSQL's sockets, and
// short enough to hold one; else /tmp.
std::string TemporaryFolder(const std::optional<User>& user = std::nullopt);

// A folder that goes away with its owner, however the owner ends.
//
// It is made under TemporaryFolder() with mode 0700. A watchdog process removes
// it, and stops the processes started in it (ProcessOptions::folder), when this
// object is destroyed and also when this process dies, even by kill -9. What a
// dead watchdog left behind is removed by the next process that makes one.
//
// Processes forked without exec share the ownership: the folder stays until the
// last of them ends, and only the process that made it may destroy it.
//
// Thread-safe.
class PrivateFolder {
 public:
  // The folder belongs to `user` if given, which only root may do.
  //
  // Errors: kPermissionDenied, kResourceExhausted (no space, no files left).
  static absl::StatusOr<std::unique_ptr<PrivateFolder>> Create(
      const std::optional<User>& user = std::nullopt);

  // Stops what runs in it, removes it, and returns when that is done.
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  // Absolute.
  const std::string& path() const { return path_; }
  Watchdog& watchdog() { return *watchdog_; }

 private:
  PrivateFolder(std::string path, int lock_fd, pid_t owner,
                std::unique_ptr<Watchdog> watchdog);

  const std::string path_;
  const int lock_fd_;
  const pid_t owner_;
  std::unique_ptr<Watchdog> watchdog_;
};

// Kills the processes and removes the folders of sandboxes whose owner and
// watchdog are both dead, in TemporaryFolder() and in /tmp. Returns how many
// folders it removed. Touches only what this user made. Create() does this once
// per process. Thread-safe.
int RemoveStaleSandboxes();

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_PRIVATE_FOLDER_H_
