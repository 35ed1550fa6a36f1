#ifndef STELE_SANDBOX_SRC_WATCHDOG_H_
#define STELE_SANDBOX_SRC_WATCHDOG_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "spawn.h"

namespace stele::sandbox {

// A process that waits for the end of this one and then cleans up after it:
// stops the processes it was told of and removes one folder.
//
// It is a shell that reads a socket of which only this process has the write
// end. The kernel closes that end however this process dies; the shell, which
// is in a session of its own and nobody's child, lives on.
//
// Thread-safe.
class Watchdog {
 public:
  // `folder` is removed under that name and under `unfinished`, which it has
  // until it is complete. Both may be empty.
  static absl::StatusOr<std::unique_ptr<Watchdog>> Start(
      std::string_view folder, std::string_view unfinished);

  // Lets it do its work, and returns when that is done.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // For SpawnRequest: a process that announces itself here is stopped by
  // `signal`, and by SIGKILL for its process group five seconds later.
  int announce_fd() const { return orders_.get(); }
  static std::string AnnounceSuffix(int signal);

  // `pid` has ended; to be called before its id can be given to another one.
  void Forget(pid_t pid);

  // Lets go without any cleaning up: for a forked copy of the owner.
  void Abandon();

 private:
  Watchdog(Fd orders, Fd done)
      : orders_(std::move(orders)), done_(std::move(done)) {}

  Fd orders_;  // We write.
  Fd done_;    // Closed by the watchdog's end.
};

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_SRC_WATCHDOG_H_
