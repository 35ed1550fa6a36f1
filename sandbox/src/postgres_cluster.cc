#include "postgres_cluster.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <random>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "log_tail.h"
#include "spawn.h"
#include "stele/base/status.h"
#include "stele/sandbox/supervised_process.h"

namespace stele::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kProgramTimeout = absl::Minutes(2);
constexpr char kPasswordFile[] = "stele.password";

bool HasServer(const std::string& folder) {
  return access((folder + "/initdb").c_str(), X_OK) == 0 &&
         access((folder + "/postgres").c_str(), X_OK) == 0;
}

// Debian keeps each major version in a folder of its own, none on PATH.
std::string NewestDebianServer() {
  int newest = 0;
  std::error_code error;
  for (fs::directory_iterator it("/usr/lib/postgresql", error), end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    int version = 0;
    std::from_chars(name.data(), name.data() + name.size(), version);
    if (version > newest && HasServer(it->path() / "bin")) newest = version;
  }
  return newest == 0 ? ""
                     : absl::StrCat("/usr/lib/postgresql/", newest, "/bin");
}

std::string FolderOnPath() {
  const absl::StatusOr<std::string> initdb = FindProgram("initdb");
  return initdb.ok() ? fs::path(*initdb).parent_path().string() : "";
}

std::string FolderFromPgConfig() {
  absl::StatusOr<std::string> answer =
      RunProgram({.argv = {"pg_config", "--bindir"}, .working_folder = "/"},
                 kProgramTimeout);
  if (!answer.ok()) return "";
  return std::string(absl::StripSuffix(*answer, "\n"));
}

std::string RandomPassword() {
  std::random_device random;
  std::string password;
  for (int i = 0; i < 4; ++i) {
    absl::StrAppendFormat(&password, "%08x", random());
  }
  return password;
}

absl::Status WriteForUser(const std::string& path, std::string_view text,
                          const User& user) {
  const Fd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const auto size = static_cast<ssize_t>(text.size());
  const bool is_written =
      fd.get() >= 0 && write(fd.get(), text.data(), text.size()) == size &&
      (user.uid == geteuid() || fchown(fd.get(), user.uid, user.gid) == 0);
  if (is_written) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
}

// Programs that must not run as root, in a folder they may be in.
absl::Status RunAsUser(std::vector<std::string> argv, const std::string& folder,
                       const User& user) {
  ProcessOptions options{.argv = std::move(argv), .working_folder = folder};
  if (user.uid != geteuid()) options.run_as = user;
  return RunProgram(std::move(options), kProgramTimeout).status();
}

// Changes whenever another version is installed.
std::string TemplatePath(const std::string& programs_folder, const User& user) {
  struct stat info = {};
  stat((programs_folder + "/postgres").c_str(), &info);
  return absl::StrFormat("%s/stele-cluster-1-%d-%d-%x-%x.tar",
                         TemporaryFolder(user), geteuid(), user.uid,
                         info.st_mtime, info.st_size);
}

bool IsOurs(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         info.st_uid == geteuid() && (info.st_mode & 0077) == 0;
}

absl::Status Initialise(const std::string& programs_folder,
                        const std::string& folder, const User& user) {
  const std::string password_file = absl::StrCat(folder, "/", kPasswordFile);
  STELE_RETURN_IF_ERROR(WriteForUser(password_file, RandomPassword(), user));
  // Not synced: a cluster that a crash of the machine may take is no loss.
  STELE_RETURN_IF_ERROR(
      RunAsUser({programs_folder + "/initdb", "--pgdata=" + folder + "/data",
                 "--username=stele", "--pwfile=" + password_file,
                 "--auth-local=trust", "--auth-host=scram-sha-256",
                 "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"},
                folder, user));
  std::error_code error;
  fs::rename(password_file, absl::StrCat(folder, "/data/", kPasswordFile),
             error);
  if (error) return absl::InternalError(error.message());
  return absl::OkStatus();
}

// Complete or not there: it gets its name when it is packed and synced, and
// until then is in the folder, which goes away with us.
absl::Status SaveTemplate(const PrivateFolder& folder,
                          const std::string& path) {
  const std::string packed = folder.path() + "/template.tar";
  const Fd fd(
      open(packed.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0) return absl::ErrnoToStatus(errno, packed);
  const absl::Status status =
      RunProgram({.argv = {"tar", "-C", folder.path(), "-cf", packed, "data"},
                  .working_folder = "/"},
                 kProgramTimeout)
          .status();
  if (status.ok() && fsync(fd.get()) == 0 &&
      rename(packed.c_str(), path.c_str()) == 0) {
    return absl::OkStatus();
  }
  unlink(packed.c_str());
  return status;
}

absl::Status Unpack(const std::string& path, const PrivateFolder& folder) {
  return RunProgram({.argv = {"tar", "-C", folder.path(), "-xpf", path},
                     .working_folder = "/"},
                    kProgramTimeout)
      .status();
}

}  // namespace

absl::StatusOr<std::string> FindPostgresPrograms() {
  for (std::string folder : {NewestDebianServer(), FolderOnPath()}) {
    if (!folder.empty()) return folder;
  }
  const std::string configured = FolderFromPgConfig();
  if (!configured.empty() && HasServer(configured)) return configured;
  return absl::NotFoundError(
      "no PostgreSQL server is installed on this machine. Install one "
      "(Debian: apt-get install postgresql), or set STELE_DATABASE_URL to the "
      "connection string of a server that may be used");
}

absl::StatusOr<std::string> MakeCluster(const std::string& programs_folder,
                                        const PrivateFolder& folder,
                                        const User& user) {
  const std::string saved = TemplatePath(programs_folder, user);
  const std::string data = folder.path() + "/data";
  std::error_code ignored;
  if (IsOurs(saved) && !Unpack(saved, folder).ok()) {
    unlink(saved.c_str());
    fs::remove_all(data, ignored);
  }
  if (!fs::exists(data, ignored)) {
    STELE_RETURN_IF_ERROR(Initialise(programs_folder, folder.path(), user));
    // Without a template the next one only takes longer.
    SaveTemplate(folder, saved).IgnoreError();
  }
  return ReadFile(absl::StrCat(data, "/", kPasswordFile));
}

}  // namespace stele::sandbox
