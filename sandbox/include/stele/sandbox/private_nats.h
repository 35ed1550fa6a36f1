#ifndef STELE_SANDBOX_PRIVATE_NATS_H_
#define STELE_SANDBOX_PRIVATE_NATS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/supervised_process.h"

namespace stele::sandbox {

// A NATS server with JetStream of our own, in a PrivateFolder, on a free port
// of 127.0.0.1. What it stores stays over Restart() and goes with this object.
//
// Thread-safe, but must be destroyed alone.
class PrivateNats {
 public:
  // Returns once connections are accepted.
  //
  // Errors: kNotFound if `nats-server` is not installed (the message says what
  // to install); kInternal with the end of its log if it does not start.
  static absl::StatusOr<std::unique_ptr<PrivateNats>> Start();

  ~PrivateNats();
  PrivateNats(const PrivateNats&) = delete;
  PrivateNats& operator=(const PrivateNats&) = delete;

  // "nats://127.0.0.1:<port>", the same for the whole life of the server.
  std::string url() const;

  int port() const { return port_; }
  const std::string& folder() const { return folder_->path(); }
  std::string log_file() const;
  pid_t pid() const;  // 0 while it is down.

  // Two ways to go down; each returns when the process is gone.
  absl::Status Stop();   // In order, by SIGINT.
  absl::Status Kill9();  // By SIGKILL.

  // Goes up again with the same port and store, stopping first if it is up.
  absl::Status Restart();

 private:
  explicit PrivateNats(std::unique_ptr<PrivateFolder> folder);

  absl::Status LaunchOnFreePort();
  absl::Status Launch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AwaitReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<PrivateFolder> folder_;  // Outlives the process.
  int port_ = 0;                                 // Fixed by Start().

  mutable absl::Mutex mutex_;
  std::unique_ptr<SupervisedProcess> process_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_PRIVATE_NATS_H_
