#ifndef STELE_SANDBOX_PRIVATE_POSTGRES_H_
#define STELE_SANDBOX_PRIVATE_POSTGRES_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/supervised_process.h"

namespace stele::sandbox {

struct PostgresOptions {
  // Commits survive a crash of the machine. False is for tests that do not ask
  // for it: much faster, and commits still survive a crash of the server.
  bool durable = true;

  std::string shared_buffers = "64MB";
  int max_connections = 300;
  int max_prepared_transactions = 20;

  // Further settings, by name; they win over the ones above.
  std::map<std::string, std::string> settings = {};

  // Where `initdb` and `postgres` are. Empty: the newest one installed.
  std::string programs_folder = {};
};

// A PostgreSQL server of our own, in a PrivateFolder, with one superuser
// `stele`. It listens on a unix socket that only we (and root) can reach, and
// on a free port of 127.0.0.1 that asks for a password. When we are root it
// runs as ServerUser().
//
// Nothing of it outlives this process. Making one takes a tenth of a second,
// after the first of an installed version, which is kept as a template in the
// temporary folder.
//
// Thread-safe, but must be destroyed alone.
class PrivatePostgres {
 public:
  // Returns once connections are accepted.
  //
  // Errors: kNotFound if no server is installed (the message says what to
  // install); kInternal with the end of its log if it does not start.
  static absl::StatusOr<std::unique_ptr<PrivatePostgres>> Start(
      PostgresOptions options = {});

  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  // A libpq connection string by the unix socket, or by TCP. The same for the
  // whole life of the server.
  std::string dsn(std::string_view database = "postgres") const;
  std::string tcp_dsn(std::string_view database = "postgres") const;

  int port() const { return port_; }
  const std::string& folder() const { return folder_->path(); }
  std::string log_file() const;
  pid_t pid() const;  // Of the postmaster; 0 while it is down.

  // Three ways to go down; each returns when no process of it is left.
  absl::Status Stop();   // In order: running transactions are rolled back.
  absl::Status Crash();  // At once; recovers from its log on Restart().
  absl::Status Kill9();  // All its processes by SIGKILL.

  // Goes up again on the same port, stopping first if it is up.
  absl::Status Restart();

  // Stops all its processes where they stand, so that it still takes
  // connections and bytes, and answers nothing; and lets them go on.
  //
  // Errors: kFailedPrecondition while it is down; kInternal if a process does
  // not stand still.
  absl::Status Freeze();
  absl::Status Thaw();

 private:
  PrivatePostgres(PostgresOptions options, std::string programs_folder,
                  std::unique_ptr<PrivateFolder> folder, std::string password);

  absl::Status Configure();
  absl::Status LaunchOnFreePort();
  absl::Status Launch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AwaitReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status End(int signal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string data_folder() const { return folder() + "/data"; }

  const PostgresOptions options_;
  const std::string programs_folder_;
  const std::string password_;
  const std::unique_ptr<PrivateFolder> folder_;  // Outlives the process.
  int port_ = 0;                                 // Fixed by Start().

  mutable absl::Mutex mutex_;
  std::unique_ptr<SupervisedProcess> process_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_PRIVATE_POSTGRES_H_
