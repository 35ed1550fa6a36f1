#ifndef STELE_SANDBOX_SUPERVISED_PROCESS_H_
#define STELE_SANDBOX_SUPERVISED_PROCESS_H_

#include <signal.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/user.h"

namespace stele::sandbox {

struct ProcessOptions {
  // The program, looked up on PATH unless it has a slash, and its arguments.
  std::vector<std::string> argv = {};

  // "NAME=value", added to or replacing what this process has.
  std::vector<std::string> env = {};

  // Beginnings of names: of what this process has, these are left out.
  std::vector<std::string> env_unwanted = {};

  std::string working_folder = {};  // Empty: this process's own.

  // Standard output and error are appended here; empty: they are inherited.
  std::string log_file = {};

  std::optional<User> run_as =
      {};  // Only root may run a process as somebody else.

  // How Stop() asks, and how long it waits before it uses SIGKILL.
  int stop_signal = SIGTERM;
  absl::Duration stop_timeout = absl::Seconds(10);

  // The folder in which it runs, whose watchdog is used; it must outlive the
  // process. Null: the process gets a watchdog of its own.
  PrivateFolder* folder = nullptr;
};

// How a process ended: by returning a code, or by a signal.
struct ExitState {
  int code = 0;    // Meaningful iff `signal` is 0.
  int signal = 0;  // 0: it returned.

  bool ok() const { return code == 0 && signal == 0; }
};

// "exited with code 3", "was killed by signal 9".
std::string ToString(const ExitState& state);

// A process that does not outlive its owner.
//
// It runs in a session of its own, so that Ctrl-C on the owner's terminal does
// not reach it, with no input, default signal handling and no inherited files.
// If this process dies without stopping it, even by kill -9, a watchdog sends
// `stop_signal` and, five seconds later, SIGKILL to its whole process group.
//
// Thread-safe, but must be destroyed alone.
class SupervisedProcess {
 public:
  // Returns once the program runs.
  //
  // Errors: kNotFound (no such program), kPermissionDenied, kInvalidArgument
  // (no argv), kResourceExhausted.
  static absl::StatusOr<std::unique_ptr<SupervisedProcess>> Start(
      ProcessOptions options);

  // Stop().
  ~SupervisedProcess();
  SupervisedProcess(const SupervisedProcess&) = delete;
  SupervisedProcess& operator=(const SupervisedProcess&) = delete;

  // Of the process and of its process group; also after it ended.
  pid_t pid() const { return pid_; }

  bool IsRunning();

  // How it ended, or nothing if it still runs after `timeout`.
  std::optional<ExitState> Wait(absl::Duration timeout);

  // Sends `signal` to the process; nothing happens if it has ended.
  void Signal(int signal);

  // Ends the process: with `stop_signal`, or with SIGKILL for the process group
  // if it takes longer than `stop_timeout`. Returns how it ended.
  ExitState Stop();

  // Ends its process group by SIGKILL.
  ExitState Kill9();

 private:
  SupervisedProcess(ProcessOptions options, std::unique_ptr<Watchdog> own,
                    Watchdog* watchdog, pid_t pid);

  // Takes note of the end of the process, if it has ended.
  void Reap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SignalGroup(int signal);

  const ProcessOptions options_;
  const std::unique_ptr<Watchdog> own_watchdog_;  // Null: the folder's is used.
  Watchdog* const watchdog_;
  const pid_t pid_;
  const pid_t owner_;

  absl::Mutex mutex_;
  std::optional<ExitState> ended_ ABSL_GUARDED_BY(mutex_);
};

// Runs a program to its end and returns all that it wrote.
//
// Errors: those of Start(); kDeadlineExceeded; kInternal with the end of what
// it wrote if it failed. `options.log_file` is not used.
absl::StatusOr<std::string> RunProgram(ProcessOptions options,
                                       absl::Duration timeout);

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_SUPERVISED_PROCESS_H_
