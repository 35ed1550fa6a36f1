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
#include <random>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "processes.h"
#include "spawn.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "watchdog.h"

namespace stele::sandbox {
namespace {

// A folder has the first name until it is complete, with its owner's lock.
constexpr std::string_view kMaking = "stele-making-";
constexpr std::string_view kFinished = "stele-sandbox-";
constexpr char kDefaultBase[] = "/tmp";
constexpr char kLockFile[] = "/.owner";

// The rest of a socket's path, "/stele-sandbox-" with 12 letters and
// "/.s.PGSQL.12345" below, must fit into the 107 bytes that the kernel allows.
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

// So long that nobody else has or guesses it.
std::string RandomSuffix() {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::uniform_int_distribution<std::size_t> at(0, kLetters.size() - 1);
  std::string suffix;
  for (int i = 0; i < 12; ++i) suffix += kLetters[at(random)];
  return suffix;
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

// Whoever makes a folder takes a moment. One that is not complete after this
// time is left of somebody who was killed.
constexpr absl::Duration kMakingTime = absl::Minutes(10);

bool IsOldFolderOfOurs(const std::string& folder) {
  struct stat info = {};
  struct stat lock = {};
  if (lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return false;
  // It may have been given to a server's user already, but for the lock.
  const bool has_lock = lstat((folder + kLockFile).c_str(), &lock) == 0;
  return (has_lock ? lock : info).st_uid == geteuid() &&
         absl::Now() - absl::TimeFromTimespec(info.st_mtim) > kMakingTime;
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

bool RemoveIfNeverFinished(const std::string& folder) {
  if (!IsOldFolderOfOurs(folder)) return false;
  std::error_code error;
  // Holds a lock file at most.
  return std::filesystem::remove_all(folder, error) > 0 && !error;
}

int RemoveStaleSandboxesIn(const std::string& base) {
  DIR* const entries = opendir(base.c_str());
  if (entries == nullptr) return 0;
  int removed = 0;
  while (const dirent* const entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    const std::string path = absl::StrCat(base, "/", entry->d_name);
    if (name.starts_with(kFinished)) {
      removed += RemoveIfStale(path) ? 1 : 0;
    } else if (name.starts_with(kMaking)) {
      removed += RemoveIfNeverFinished(path) ? 1 : 0;
    }
  }
  closedir(entries);
  return removed;
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
                      folder.find(',') == std::string::npos &&
                      access(folder.c_str(), W_OK | X_OK) == 0 &&
                      (!user || CanReach(*user, folder));
  return is_fit ? folder : kDefaultBase;
}

absl::StatusOr<std::unique_ptr<PrivateFolder>> PrivateFolder::Create(
    const std::optional<User>& user) {
  SweepOnce();
  const std::string base = TemporaryFolder(user);
  const std::string suffix = RandomSuffix();
  const std::string making = absl::StrCat(base, "/", ToAbsl(kMaking), suffix);
  const std::string path = absl::StrCat(base, "/", ToAbsl(kFinished), suffix);
  // First of all: whatever happens from here on, somebody removes the folder.
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<Watchdog> watchdog,
                         Watchdog::Start(path, making));
  if (mkdir(making.c_str(), 0700) != 0) return CannotMake(errno, making);
  STELE_ASSIGN_OR_RETURN(Fd lock, LockFolder(making));
  if (user && user->uid != geteuid() &&
      chown(making.c_str(), user->uid, user->gid) != 0) {
    return CannotMake(errno, making);
  }
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
  // A server's user may not reach TMPDIR, and then is in the other one.
  const std::string chosen = TemporaryFolder();
  int removed = RemoveStaleSandboxesIn(chosen);
  if (chosen != kDefaultBase) removed += RemoveStaleSandboxesIn(kDefaultBase);
  return removed;
}

}  // namespace stele::sandbox
