#include "stele/sandbox/supervised_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "log_tail.h"
#include "spawn.h"
#include "stele/base/status.h"
#include "watchdog.h"

namespace stele::sandbox {
namespace {

constexpr absl::Duration kKillTimeout = absl::Seconds(30);

absl::StatusOr<Fd> OpenLog(const std::string& path) {
  if (path.empty()) return Fd();
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (fd.get() < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return fd;
}

// Waits until the process has ended or `timeout` has passed.
void AwaitEnd(pid_t pid, absl::Duration timeout) {
  const Fd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (handle.get() < 0) return;  // It has ended and has been reaped.
  const absl::Time deadline = absl::Now() + timeout;
  pollfd watched{.fd = handle.get(), .events = POLLIN, .revents = 0};
  do {
    // Rounded up, so that the last wait does not turn into a spin.
    const std::int64_t left_ms = std::clamp<std::int64_t>(
        absl::ToInt64Milliseconds(
            absl::Ceil(deadline - absl::Now(), absl::Milliseconds(1))),
        0, std::numeric_limits<int>::max());
    if (poll(&watched, 1, static_cast<int>(left_ms)) > 0) return;
  } while (absl::Now() < deadline);
}

ExitState ToExitState(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status};
  return {.code = 0, .signal = info.si_status};
}

}  // namespace

std::string ToString(const ExitState& state) {
  if (state.signal != 0) {
    return absl::StrCat("was killed by signal ", state.signal);
  }
  return absl::StrCat("exited with code ", state.code);
}

absl::StatusOr<std::unique_ptr<SupervisedProcess>> SupervisedProcess::Start(
    ProcessOptions options) {
  STELE_ASSIGN_OR_RETURN(const Fd log, OpenLog(options.log_file));
  std::unique_ptr<Watchdog> own;
  if (options.folder == nullptr) {
    STELE_ASSIGN_OR_RETURN(own, Watchdog::Start("", ""));
  }
  Watchdog* const watchdog =
      own != nullptr ? own.get() : &options.folder->watchdog();

  SpawnRequest request;
  request.argv = options.argv;
  request.env = EnvironmentWith(options.env, options.env_unwanted);
  request.working_folder = options.working_folder;
  request.output = request.errors = log.get();
  request.run_as = options.run_as;
  request.announce = watchdog->announce_fd();
  request.announce_suffix = Watchdog::AnnounceSuffix(options.stop_signal);
  STELE_ASSIGN_OR_RETURN(const pid_t pid, Spawn(request));
  return std::unique_ptr<SupervisedProcess>(
      new SupervisedProcess(std::move(options), std::move(own), watchdog, pid));
}

SupervisedProcess::SupervisedProcess(ProcessOptions options,
                                     std::unique_ptr<Watchdog> own,
                                     Watchdog* watchdog, pid_t pid)
    : options_(std::move(options)),
      own_watchdog_(std::move(own)),
      watchdog_(watchdog),
      pid_(pid),
      owner_(getpid()) {}

SupervisedProcess::~SupervisedProcess() {
  if (getpid() == owner_) {
    Stop();
  } else if (own_watchdog_ != nullptr) {
    own_watchdog_->Abandon();
  }
}

bool SupervisedProcess::IsRunning() {
  absl::MutexLock lock(&mutex_);
  Reap();
  return !ended_.has_value();
}

std::optional<ExitState> SupervisedProcess::Wait(absl::Duration timeout) {
  if (IsRunning()) AwaitEnd(pid_, timeout);
  absl::MutexLock lock(&mutex_);
  Reap();
  return ended_;
}

void SupervisedProcess::Signal(int signal) {
  absl::MutexLock lock(&mutex_);
  if (!ended_) kill(pid_, signal);  // Not reaped, so the id is still its own.
}

ExitState SupervisedProcess::Stop() {
  Signal(options_.stop_signal);
  Signal(SIGCONT);
  if (const auto state = Wait(options_.stop_timeout)) {
    return *state;
  }
  return Kill9();
}

ExitState SupervisedProcess::Kill9() {
  SignalGroup(SIGKILL);
  // Only a process stuck in the kernel outlasts this.
  return Wait(kKillTimeout).value_or(ExitState{.code = 0, .signal = SIGKILL});
}

void SupervisedProcess::SignalGroup(int signal) {
  absl::MutexLock lock(&mutex_);
  if (!ended_) kill(-pid_, signal);
}

void SupervisedProcess::Reap() {
  if (ended_) return;
  siginfo_t info = {};
  const int looked = waitid(P_PID, pid_, &info, WEXITED | WNOHANG | WNOWAIT);
  if (looked == 0 && info.si_pid == 0) return;
  // Before the id is given back: else the watchdog might kill a stranger.
  watchdog_->Forget(pid_);
  if (looked == 0) waitid(P_PID, pid_, &info, WEXITED | WNOHANG);
  // Not our child any more if the program ignores SIGCHLD: it has ended.
  ended_ = looked == 0 ? ToExitState(info) : ExitState{};
}

absl::StatusOr<std::string> RunProgram(ProcessOptions options,
                                       absl::Duration timeout) {
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<PrivateFolder> folder,
                         PrivateFolder::Create());
  options.log_file = folder->path() + "/output";
  const std::string name = options.argv.empty() ? "" : options.argv[0];
  STELE_ASSIGN_OR_RETURN(std::unique_ptr<SupervisedProcess> process,
                         SupervisedProcess::Start(std::move(options)));
  const std::optional<ExitState> state = process->Wait(timeout);
  if (!state) {
    return absl::DeadlineExceededError(absl::StrCat(
        name, " did not end within ", absl::FormatDuration(timeout)));
  }
  if (!state->ok()) {
    return absl::InternalError(
        absl::StrCat(name, " ", ToString(*state), ":\n",
                     LogTail(folder->path() + "/output")));
  }
  return ReadFile(folder->path() + "/output");
}

}  // namespace stele::sandbox
