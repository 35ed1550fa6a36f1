#ifndef STELE_SANDBOX_SRC_SPAWN_H_
#define STELE_SANDBOX_SRC_SPAWN_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/sandbox/user.h"

namespace stele::sandbox {

// A file descriptor that is closed with its owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { Close(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Close();

 private:
  int fd_ = -1;
};

// The two ends of a pipe. Neither is inherited by other programs: a stray copy
// of the write end would keep the reader waiting for ever.
struct Pipe {
  Fd read;
  Fd write;
};
absl::StatusOr<Pipe> MakePipe();

// The same on sockets, so that send() can be told not to raise SIGPIPE.
absl::StatusOr<Pipe> MakeSocketPair();

// What a process is started with.
struct SpawnRequest {
  std::vector<std::string> argv;  // argv[0] may be a bare name.
  std::vector<std::string> env;   // All of it.
  std::string working_folder;
  int input = -1;   // -1: /dev/null
  int output = -1;  // -1: inherited
  int errors = -1;  // -1: inherited
  std::optional<User> run_as;

  // Makes it nobody's child, so that nobody who ends a tree of processes finds
  // it. Spawn() then returns 0.
  bool is_detached = false;

  // A socket on which the new process tells its id, as "start <pid>
  // <announce_suffix>\n", before the program runs: there is no moment at which
  // it runs unannounced.
  int announce = -1;
  std::string announce_suffix;
};

// Returns the id once the program runs (exec succeeded).
absl::StatusOr<pid_t> Spawn(const SpawnRequest& request);

// The path of `program` on PATH or in the usual folders of system programs.
absl::StatusOr<std::string> FindProgram(std::string_view program);

// This process's environment with `overrides` ("NAME=value") applied, and
// without what else has a name that begins with one of `unwanted`.
std::vector<std::string> EnvironmentWith(
    const std::vector<std::string>& overrides,
    const std::vector<std::string>& unwanted = {});

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_SRC_SPAWN_H_
