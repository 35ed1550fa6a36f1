#include "stele/sandbox/private_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processes.h"
#include "spawn.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "watchdog.h"

namespace stele::sandbox {
namespace {

// A folder has the first name until it is complete, with its owner's lock.
constexpr char kUnfinished[] = "/stele-making-XXXXXX";
constexpr std::string_view kFinished = "stele-sandbox-";
constexpr char kLockFile[] = "/.owner";

// The rest of a socket's path, "/.s.PGSQL.12345" below the folder, must fit
// into the 107 bytes that the kernel allows.
constexpr std::size_t kMaxBaseBytes = 64;

bool CanReach(const User& user, const std::string& folder) {
  struct stat info = {};
  for (std::string path = folder; path.size() > 1;
       path.resize(std::max<std::size_t>(path.rfind('/'), 1))) {
    if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return false;
    const bool may_enter =
        (info.st_mode & S_IXOTH) != 0 ||
        (info.st_uid == user.uid && (info.st_mode & S_IXUSR) != 0);
    if (!may_enter) return false;
  }
  return true;
}

absl::Status CannotMake(int error, const std::string& path) {
  return absl::ErrnoToStatus(error,
                             absl::StrCat("cannot make a private folder ", path,
                                          " (set TMPDIR to put it elsewhere)"));
}

// The lock says "my owner lives": the kernel lets go of it with the owner.
absl::StatusOr<Fd> LockFolder(const std::string& folder) {
  const std::string path = folder + kLockFile;
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0 || flock(fd.get(), LOCK_EX) != 0) {
    return CannotMake(errno, path);
  }
  return fd;
}

bool RemoveIfStale(const std::string& folder) {
  const std::string path = folder + kLockFile;
  const Fd fd(open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  struct stat info = {};
  if (fd.get() < 0 || fstat(fd.get(), &info) != 0) return false;
  if (info.st_uid != geteuid()) return false;
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return false;
  KillProcessesIn(folder, absl::Seconds(5));
  std::error_code error;
  return std::filesystem::remove_all(folder, error) > 0 && !error;
}

void SweepOnce() {
  static std::once_flag swept;
  std::call_once(swept, [] { RemoveStaleSandboxes(); });
}

}  // namespace

std::string TemporaryFolder(const std::optional<User>& user) {
  const char* const chosen = std::getenv("TMPDIR");
  std::string folder = chosen == nullptr ? "" : chosen;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  const bool is_fit = folder.size() > 1 && folder.front() == '/' &&
                      folder.size() <= kMaxBaseBytes &&
                      access(folder.c_str(), W_OK | X_OK) == 0 &&
                      (!user || CanReach(*user, folder));
  return is_fit ? folder : "/tmp";
}

absl::StatusOr<std::unique_ptr<PrivateFolder>> PrivateFolder::Create(
    const std::optional<User>& user) {
  SweepOnce();
  std::string making = TemporaryFolder(user) + kUnfinished;
  if (mkdtemp(making.data()) == nullptr) return CannotMake(errno, making);
  STELE_ASSIGN_OR_RETURN(Fd lock, LockFolder(making));
  if (user && user->uid != geteuid() &&
      chown(making.c_str(), user->uid, user->gid) != 0) {
    return CannotMake(errno, making);
  }
  const std::size_t name_at = making.rfind('/') + 1;
  const std::string path =
      absl::StrCat(making.substr(0, name_at), ToAbsl(kFinished),
                   making.substr(making.rfind('-') + 1));
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<Watchdog> watchdog,
                         Watchdog::Start(path));
  if (rename(making.c_str(), path.c_str()) != 0) return CannotMake(errno, path);
  return std::unique_ptr<PrivateFolder>(
      new PrivateFolder(path, lock.Release(), getpid(), std::move(watchdog)));
}

PrivateFolder::PrivateFolder(std::string path, int lock_fd, pid_t owner,
                             std::unique_ptr<Watchdog> watchdog)
    : path_(std::move(path)),
      lock_fd_(lock_fd),
      owner_(owner),
      watchdog_(std::move(watchdog)) {}

PrivateFolder::~PrivateFolder() {
  if (getpid() != owner_) watchdog_->Abandon();
  watchdog_.reset();
  if (getpid() == owner_) {
    std::error_code ignored;  // Left only if somebody killed the watchdog.
    std::filesystem::remove_all(path_, ignored);
  }
  close(lock_fd_);
}

int RemoveStaleSandboxes() {
  int removed = 0;
  const std::string base = TemporaryFolder();
  DIR* const entries = opendir(base.c_str());
  if (entries == nullptr) return 0;
  while (const dirent* const entry = readdir(entries)) {
    if (!std::string_view(entry->d_name).starts_with(kFinished)) continue;
    removed += RemoveIfStale(absl::StrCat(base, "/", entry->d_name)) ? 1 : 0;
  }
  closedir(entries);
  return removed;
}

}  // namespace stele::sandbox
