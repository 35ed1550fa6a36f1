#include "demo/keep.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "absl/strings/str_cat.h"

namespace orders {
namespace {

// Where the signal handler writes to, and Await() reads from.
int signalled[2] = {-1, -1};

void Tell(int) {
  const int saved = errno;
  const char byte = 0;
  // Nothing can be done if it fails: a second signal ends the process.
  [[maybe_unused]] const ssize_t written = ::write(signalled[1], &byte, 1);
  errno = saved;
}

}  // namespace

EndOfKeep::EndOfKeep() : is_terminal_(::isatty(STDIN_FILENO) == 1) {
  if (is_terminal_ || ::pipe2(signalled, O_CLOEXEC) != 0) return;
  struct sigaction action = {};
  action.sa_handler = Tell;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM}) {
    ::sigaction(signal, &action, nullptr);
  }
}

std::string EndOfKeep::How() const {
  if (is_terminal_) return "until you press Enter";
  return absl::StrCat("until SIGINT or SIGTERM: kill ", ::getpid());
}

void EndOfKeep::Await() {
  if (is_terminal_) {
    std::cin.clear();
    std::cin.get();
    return;
  }
  char byte = 0;
  while (::read(signalled[0], &byte, 1) < 0 && errno == EINTR) {
  }
}

}  // namespace orders
