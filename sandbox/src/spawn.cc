#include "spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

extern char** environ;

namespace stele::sandbox {
namespace {

// The steps between fork and exec, and which of them failed why.
enum class Step : int { kSession, kAnnounce, kFiles, kUser, kFolder, kExec };
struct Failure {
  Step step = Step::kSession;
  int error = 0;
};

// All that the child needs, made before the fork: after it, in a program with
// threads, not even malloc may be called.
struct Prepared {
  const SpawnRequest* request = nullptr;
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> env;
  int failure_pipe = -1;
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) {
    pointers.push_back(const_cast<char*>(text.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void Fail(const Prepared& prepared, Step step) {
  const Failure failure{.step = step, .error = errno};
  const ssize_t written =
      write(prepared.failure_pipe, &failure, sizeof(failure));
  _exit(written == sizeof(failure) ? 127 : 126);
}

void ResetSignals() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    sigaction(signal, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool Announce(const SpawnRequest& request) {
  char line[64] = "start ";
  char* end = std::to_chars(line + 6, line + 32, getpid()).ptr;
  *end++ = ' ';
  for (const char c : request.announce_suffix) *end++ = c;
  *end++ = '\n';
  return send(request.announce, line, end - line, MSG_NOSIGNAL) == end - line;
}

bool BecomeUser(const User& user) {
  return setgroups(user.groups.size(), user.groups.data()) == 0 &&
         setgid(user.gid) == 0 && setuid(user.uid) == 0;
}

bool UseFiles(const SpawnRequest& request) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return false;
  if (dup2(request.input < 0 ? null : request.input, 0) < 0) return false;
  if (request.output >= 0 && dup2(request.output, 1) < 0) return false;
  if (request.errors >= 0 && dup2(request.errors, 2) < 0) return false;
  // Whatever else is open is our owner's business. Marked, not closed: the
  // failure pipe is still needed.
  syscall(SYS_close_range, 3U, UINT_MAX, 1U << 2);  // CLOSE_RANGE_CLOEXEC
  return true;
}

[[noreturn]] void RunChild(const Prepared& prepared) {
  const SpawnRequest& request = *prepared.request;
  if (setsid() < 0) Fail(prepared, Step::kSession);
  if (request.is_detached) {
    const pid_t pid = fork();
    if (pid < 0) Fail(prepared, Step::kSession);
    if (pid > 0) _exit(0);
  }
  ResetSignals();
  if (request.announce >= 0 && !Announce(request)) {
    Fail(prepared, Step::kAnnounce);
  }
  if (!UseFiles(request)) Fail(prepared, Step::kFiles);
  if (request.run_as && !BecomeUser(*request.run_as)) {
    Fail(prepared, Step::kUser);
  }
  if (!request.working_folder.empty() &&
      chdir(request.working_folder.c_str()) != 0) {
    Fail(prepared, Step::kFolder);
  }
  execve(prepared.program.c_str(), prepared.argv.data(), prepared.env.data());
  Fail(prepared, Step::kExec);
}

absl::Status FailureStatus(const SpawnRequest& request,
                           const Failure& failure) {
  const char* what = "start";
  if (failure.step == Step::kUser) what = "become another user to start";
  if (failure.step == Step::kFolder) what = "enter the folder of";
  if (failure.step == Step::kAnnounce) what = "have supervised";
  return absl::ErrnoToStatus(
      failure.error, absl::StrCat("cannot ", what, " ", request.argv[0]));
}

// Waits for exec, which closes the pipe, or for the reason why there was none.
absl::Status AwaitExec(const SpawnRequest& request, int failure_pipe) {
  Failure failure;
  ssize_t got = 0;
  do {
    got = read(failure_pipe, &failure, sizeof(failure));
  } while (got < 0 && errno == EINTR);
  if (got != sizeof(failure)) return absl::OkStatus();
  return FailureStatus(request, failure);
}

void Reap(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a pipe");
  }
  return Pipe{.read = Fd(ends[0]), .write = Fd(ends[1])};
}

absl::StatusOr<Pipe> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a socket");
  }
  return Pipe{.read = Fd(ends[0]), .write = Fd(ends[1])};
}

absl::StatusOr<pid_t> Spawn(const SpawnRequest& request) {
  if (request.argv.empty()) {
    return absl::InvalidArgumentError("no program to start was given");
  }
  Prepared prepared{.request = &request,
                    .program = {},
                    .argv = Pointers(request.argv),
                    .env = Pointers(request.env)};
  STELE_ASSIGN_OR_RETURN(prepared.program, FindProgram(request.argv[0]));
  STELE_ASSIGN_OR_RETURN(Pipe failures, MakePipe());
  prepared.failure_pipe = failures.write.get();

  const pid_t pid = fork();
  if (pid < 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("cannot start ", request.argv[0]));
  }
  if (pid == 0) RunChild(prepared);

  failures.write.Close();
  const absl::Status started = AwaitExec(request, failures.read.get());
  if (request.is_detached || !started.ok()) Reap(pid);
  if (!started.ok()) return started;
  return request.is_detached ? 0 : pid;
}

absl::StatusOr<std::string> FindProgram(std::string_view program) {
  if (program.find('/') != std::string_view::npos) return std::string(program);
  const char* path = std::getenv("PATH");
  // Servers live in sbin folders, which an ordinary user's PATH leaves out.
  std::string folders = absl::StrCat(path == nullptr ? "" : path,
                                     ":/usr/local/sbin:/usr/local/bin:"
                                     "/usr/sbin:/usr/bin:/sbin:/bin");
  std::size_t begin = 0;
  while (begin <= folders.size()) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    const std::string candidate =
        absl::StrCat(folders.substr(begin, end - begin), "/", ToAbsl(program));
    if (end > begin && access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return absl::NotFoundError(
      absl::StrCat("program ", ToAbsl(program), " was not found on PATH"));
}

std::vector<std::string> EnvironmentWith(
    const std::vector<std::string>& overrides,
    const std::vector<std::string>& unwanted) {
  std::vector<std::string> env = overrides;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool is_left_out = name.empty();
    for (const std::string& other : overrides) {
      is_left_out = is_left_out || other.starts_with(name);
    }
    for (const std::string& beginning : unwanted) {
      is_left_out = is_left_out || name.starts_with(beginning);
    }
    if (!is_left_out) env.emplace_back(text);
  }
  return env;
}

}  // namespace stele::sandbox
