#include "stele/sandbox/private_postgres.h"

#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "log_tail.h"
#include "postgres_cluster.h"
#include "processes.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/sandbox/free_port.h"

namespace stele::sandbox {
namespace {

constexpr int kPortTries = 10;
constexpr absl::Duration kStartTimeout = absl::Minutes(2);
constexpr absl::Duration kStopTimeout = absl::Minutes(1);
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

// As a value of postgresql.conf or of a libpq connection string; the two
// escape a quote differently.
std::string QuotedValue(std::string_view value, const char* escaped_quote) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'') {
      quoted += escaped_quote;
    } else if (c == '\\') {
      quoted += "\\\\";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

using Settings = std::map<std::string, std::string>;

Settings SettingsFor(const PostgresOptions& options,
                     const std::string& folder) {
  const char* const durability = options.durable ? "on" : "off";
  Settings settings = {
      {"listen_addresses", "127.0.0.1"},
      {"unix_socket_directories", folder},
      {"fsync", durability},
      // Costs nothing without fsync, and what was acknowledged then survives
      // the death of the server, if not that of the machine.
      {"synchronous_commit", "on"},
      {"full_page_writes", durability},
      {"shared_buffers", options.shared_buffers},
      {"max_connections", absl::StrCat(options.max_connections)},
      {"max_prepared_transactions",
       absl::StrCat(options.max_prepared_transactions)},
      // Inside our folder: files in /dev/shm would outlive a SIGKILL.
      {"dynamic_shared_memory_type", "mmap"},
      {"timezone", "UTC"},
      {"log_timezone", "UTC"},
  };
  for (const auto& [name, value] : options.settings) settings[name] = value;
  return settings;
}

std::string ConnectionString(std::string_view host, int port,
                             std::string_view database) {
  return absl::StrCat("host=", QuotedValue(host, "\\'"), " port=", port,
                      " user=stele dbname=", QuotedValue(database, "\\'"));
}

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// A killed postmaster leaves a few bytes of System V shared memory behind,
// named in the seventh line of its lock file.
void RemoveSharedMemory(const std::string& lock_file) {
  const std::vector<std::string> lines = Lines(lock_file);
  if (lines.size() < 7) return;
  std::istringstream words(lines[6]);
  int key = 0;
  int id = -1;
  if (words >> key >> id) shmctl(id, IPC_RMID, nullptr);
}

bool IsPortTaken(const std::string& log_tail) {
  return log_tail.find("Address already in use") != std::string::npos;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivatePostgres>> PrivatePostgres::Start(
    PostgresOptions options) {
  std::string programs = options.programs_folder;
  if (programs.empty()) {
    STELE_ASSIGN_OR_RETURN(programs, FindPostgresPrograms());
  }
  STELE_ASSIGN_OR_RETURN(const User user, ServerUser());
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<PrivateFolder> folder,
                         PrivateFolder::Create(user));
  STELE_ASSIGN_OR_RETURN(std::string password,
                         MakeCluster(programs, *folder, user));
  auto server = std::unique_ptr<PrivatePostgres>(
      new PrivatePostgres(std::move(options), std::move(programs),
                          std::move(folder), std::move(password)));
  STELE_RETURN_IF_ERROR(server->Configure());
  STELE_RETURN_IF_ERROR(server->LaunchOnFreePort());
  return server;
}

PrivatePostgres::PrivatePostgres(PostgresOptions options,
                                 std::string programs_folder,
                                 std::unique_ptr<PrivateFolder> folder,
                                 std::string password)
    : options_(std::move(options)),
      programs_folder_(std::move(programs_folder)),
      password_(std::move(password)),
      folder_(std::move(folder)) {}

PrivatePostgres::~PrivatePostgres() {
  absl::MutexLock lock(&mutex_);
  process_.reset();  // Before its folder goes.
}

std::string PrivatePostgres::dsn(std::string_view database) const {
  return ConnectionString(folder(), port_, database);
}

std::string PrivatePostgres::tcp_dsn(std::string_view database) const {
  return absl::StrCat(ConnectionString("127.0.0.1", port_, database),
                      " password=", password_);
}

std::string PrivatePostgres::log_file() const {
  return folder() + "/postgres.log";
}

pid_t PrivatePostgres::pid() const {
  absl::MutexLock lock(&mutex_);
  return process_ == nullptr ? 0 : process_->pid();
}

absl::Status PrivatePostgres::Stop() {
  absl::MutexLock lock(&mutex_);
  return End(SIGINT);
}

absl::Status PrivatePostgres::Crash() {
  absl::MutexLock lock(&mutex_);
  return End(SIGQUIT);
}

absl::Status PrivatePostgres::Kill9() {
  absl::MutexLock lock(&mutex_);
  return End(SIGKILL);
}

absl::Status PrivatePostgres::Restart() {
  absl::MutexLock lock(&mutex_);
  STELE_RETURN_IF_ERROR(End(SIGINT));
  return Launch();
}

absl::Status PrivatePostgres::Freeze() {
  absl::MutexLock lock(&mutex_);
  if (process_ == nullptr) {
    return absl::FailedPreconditionError("PostgreSQL is down");
  }
  if (StopProcessesIn(data_folder(), kStopTimeout)) return absl::OkStatus();
  return absl::InternalError("PostgreSQL's processes do not stand still");
}

absl::Status PrivatePostgres::Thaw() {
  absl::MutexLock lock(&mutex_);
  if (process_ == nullptr) {
    return absl::FailedPreconditionError("PostgreSQL is down");
  }
  ContinueProcessesIn(data_folder());
  return absl::OkStatus();
}

absl::Status PrivatePostgres::Configure() {
  std::ofstream file(data_folder() + "/postgresql.conf", std::ios::app);
  for (const auto& [name, value] : SettingsFor(options_, folder())) {
    file << name << " = " << QuotedValue(value, "''") << "\n";
  }
  file.close();
  if (file.fail()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot write to ", data_folder()));
  }
  return absl::OkStatus();
}

absl::Status PrivatePostgres::LaunchOnFreePort() {
  absl::MutexLock lock(&mutex_);
  absl::Status status;
  for (int i = 0; i < kPortTries; ++i) {
    STELE_ASSIGN_OR_RETURN(port_, FreePort());
    status = Launch();
    if (status.ok() || !IsPortTaken(LogTail(log_file()))) return status;
  }
  return status;
}

absl::Status PrivatePostgres::Launch() {
  STELE_ASSIGN_OR_RETURN(const User user, ServerUser());
  ProcessOptions options;
  options.argv = {programs_folder_ + "/postgres", "-D", data_folder(), "-p",
                  absl::StrCat(port_)};
  options.working_folder = data_folder();
  options.log_file = log_file();
  if (user.uid != geteuid()) options.run_as = user;
  options.stop_signal = SIGQUIT;
  options.folder = folder_.get();
  STELE_ASSIGN_OR_RETURN(process_,
                         SupervisedProcess::Start(std::move(options)));
  const absl::Status status = AwaitReady();
  // Why it did not start says more than how it was ended.
  if (!status.ok()) End(SIGQUIT).IgnoreError();
  return status;
}

// The postmaster says so itself, in the eighth line of its lock file.
absl::Status PrivatePostgres::AwaitReady() {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (absl::Now() < deadline) {
    const auto ended = process_->Wait(kPollInterval);
    if (ended) {
      return absl::InternalError(absl::StrCat("PostgreSQL ", ToString(*ended),
                                              ":\n", LogTail(log_file())));
    }
    const std::vector<std::string> lock =
        Lines(data_folder() + "/postmaster.pid");
    if (lock.size() >= 8 && lock[0] == absl::StrCat(process_->pid()) &&
        lock[7].starts_with("ready")) {
      return absl::OkStatus();
    }
  }
  return absl::InternalError(absl::StrCat(
      "PostgreSQL did not get ready within ",
      absl::FormatDuration(kStartTimeout), ":\n", LogTail(log_file())));
}

absl::Status PrivatePostgres::End(int signal) {
  if (process_ == nullptr) return absl::OkStatus();
  process_->Signal(signal);
  ContinueProcessesIn(data_folder());  // It may be frozen.
  const bool is_orderly = process_->Wait(kStopTimeout).has_value();
  if (!is_orderly) process_->Kill9();
  process_.reset();
  // Only now can there be no new ones: a postmaster that is dead has no more
  // children, but those it had may still be writing.
  if (!KillProcessesIn(data_folder(), kStopTimeout)) {
    return absl::InternalError("PostgreSQL's processes could not be killed");
  }
  const std::string lock_file = data_folder() + "/postmaster.pid";
  RemoveSharedMemory(lock_file);
  std::error_code ignored;
  std::filesystem::remove(lock_file, ignored);
  if (!is_orderly) {
    return absl::DeadlineExceededError(
        absl::StrCat("PostgreSQL had to be killed: it did not end within ",
                     absl::FormatDuration(kStopTimeout)));
  }
  return absl::OkStatus();
}

}  // namespace stele::sandbox
