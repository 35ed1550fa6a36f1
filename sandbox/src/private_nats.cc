#include "stele/sandbox/private_nats.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "log_tail.h"
#include "spawn.h"
#include "stele/base/status.h"
#include "stele/sandbox/free_port.h"

namespace stele::sandbox {
namespace {

constexpr int kPortTries = 10;
constexpr absl::Duration kStartTimeout = absl::Minutes(1);
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

// What the server on `port` says to a new client, or nothing.
std::string Greeting(int port) {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
              sizeof(address)) != 0) {
    return "";
  }
  char buffer[4096];
  const ssize_t got = recv(fd.get(), buffer, sizeof(buffer), 0);
  return got <= 0 ? "" : std::string(buffer, got);
}

absl::StatusOr<std::string> FindNatsServer() {
  absl::StatusOr<std::string> program = FindProgram("nats-server");
  if (program.ok()) return program;
  return absl::NotFoundError(
      "no NATS server is installed on this machine. Install one (Debian: "
      "apt-get install nats-server)");
}

// Tells our server from a stranger on the same port. Of letters that stand in
// the greeting, which is JSON, as they are, whatever the folder's path is.
std::string ServerName(const std::string& folder) {
  return absl::StrCat(folder.substr(folder.rfind('/') + 1), "-", getpid());
}

bool IsPortTaken(const std::string& log_tail) {
  return log_tail.find("address already in use") != std::string::npos;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateNats>> PrivateNats::Start() {
  STELE_RETURN_IF_ERROR(FindNatsServer());
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<PrivateFolder> folder,
                         PrivateFolder::Create());
  auto server =
      std::unique_ptr<PrivateNats>(new PrivateNats(std::move(folder)));
  STELE_RETURN_IF_ERROR(server->LaunchOnFreePort());
  return server;
}

PrivateNats::PrivateNats(std::unique_ptr<PrivateFolder> folder)
    : folder_(std::move(folder)) {}

PrivateNats::~PrivateNats() {
  absl::MutexLock lock(&mutex_);
  process_.reset();  // Before its folder goes.
}

std::string PrivateNats::url() const {
  return absl::StrCat("nats://127.0.0.1:", port_);
}

std::string PrivateNats::log_file() const { return folder() + "/nats.log"; }

pid_t PrivateNats::pid() const {
  absl::MutexLock lock(&mutex_);
  return process_ == nullptr ? 0 : process_->pid();
}

absl::Status PrivateNats::Stop() {
  absl::MutexLock lock(&mutex_);
  process_.reset();
  return absl::OkStatus();
}

absl::Status PrivateNats::Kill9() {
  absl::MutexLock lock(&mutex_);
  if (process_ != nullptr) process_->Kill9();
  process_.reset();
  return absl::OkStatus();
}

absl::Status PrivateNats::Restart() {
  absl::MutexLock lock(&mutex_);
  process_.reset();
  return Launch();
}

absl::Status PrivateNats::LaunchOnFreePort() {
  absl::MutexLock lock(&mutex_);
  absl::Status status;
  for (int i = 0; i < kPortTries; ++i) {
    STELE_ASSIGN_OR_RETURN(port_, FreePort());
    status = Launch();
    if (status.ok() || !IsPortTaken(LogTail(log_file()))) return status;
  }
  return status;
}

absl::Status PrivateNats::Launch() {
  STELE_ASSIGN_OR_RETURN(const std::string program, FindNatsServer());
  ProcessOptions options;
  options.argv = {program,
                  "--addr=127.0.0.1",
                  absl::StrCat("--port=", port_),
                  absl::StrCat("--name=", ServerName(folder())),
                  "--jetstream",
                  absl::StrCat("--store_dir=", folder(), "/store")};
  options.working_folder = folder();
  options.log_file = log_file();
  options.stop_signal = SIGINT;
  options.folder = folder_.get();
  STELE_ASSIGN_OR_RETURN(process_,
                         SupervisedProcess::Start(std::move(options)));
  const absl::Status status = AwaitReady();
  if (!status.ok()) process_.reset();
  return status;
}

absl::Status PrivateNats::AwaitReady() {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (absl::Now() < deadline) {
    const auto ended = process_->Wait(kPollInterval);
    if (ended) {
      return absl::InternalError(absl::StrCat("nats-server ", ToString(*ended),
                                              ":\n", LogTail(log_file())));
    }
    if (Greeting(port_).find(ServerName(folder())) != std::string::npos) {
      return absl::OkStatus();
    }
  }
  return absl::InternalError(absl::StrCat(
      "nats-server did not get ready within ",
      absl::FormatDuration(kStartTimeout), ":\n", LogTail(log_file())));
}

}  // namespace stele::sandbox
