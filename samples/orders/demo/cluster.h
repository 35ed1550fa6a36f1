#ifndef ORDERS_DEMO_CLUSTER_H_
#define ORDERS_DEMO_CLUSTER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/private_nats.h"
#include "stele/sandbox/private_postgres.h"
#include "stele/sandbox/supervised_process.h"

namespace orders {

// Where each service keeps its store.
struct Schemas {
  std::string orders = "orders";
  std::string payments = "payments";
};

struct ClusterOptions {
  // Empty: a private server, started and stopped by the cluster.
  std::string database_url = {};
  std::string broker_url = {};

  // What gave them, for errors.
  std::string database_source = "--database-url";
  std::string broker_source = "--broker-url";

  Schemas schemas = {};

  std::string programs_folder = {};  // Where orders-service and its like are.

  // An order that is paid takes well below `payment_timeout`, a late answer
  // comes well after it, and well before the grace that follows it is over.
  absl::Duration payment_timeout = absl::Seconds(16);
  absl::Duration late_answer = absl::Seconds(24);
  absl::Duration late_payment_grace = absl::Seconds(16);
};

// The whole sample, running: a database, a broker, and the processes of the two
// services, each with its own store in a schema of its own. All settings of the
// processes are given by the cluster: they get no STELE_ variable of ours.
//
// Not thread-safe: one thread at a time.
class Cluster {
 public:
  // The processes that can be ended and started one by one.
  enum class Part { kOrders, kRelay, kPayments };

  // Returns once every service is ready.
  //
  // Errors: kUnavailable, if a given server cannot be reached; kNotFound, if
  // one of our own is not installed; kDeadlineExceeded and kInternal, with the
  // end of its log, if a service does not come up.
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(ClusterOptions options);
  ~Cluster();

  const std::string& database_url() const { return database_url_; }
  const Schemas& schemas() const { return options_.schemas; }
  const std::string& broker_url() const { return broker_url_; }
  std::string log_file(Part part) const;
  // The last lines of a log, which is gone with the cluster, and whose it is.
  std::string EndOfLog(Part part, std::size_t lines) const;
  const std::string& folder() const { return folder_->path(); }

  // Asks all services to stop, and says which did not stop in order.
  absl::Status Stop();

  // For tests: ends a process or a server by kill -9, and starts it again. A
  // server is down for `pause`, which is not for servers that were given.
  absl::Status KillAndRestart(Part part);
  absl::Status KillAndRestartBroker(absl::Duration pause);
  absl::Status KillAndRestartDatabase(absl::Duration pause);

  // Starts again what has ended because it could not reach a server at its
  // start, as a service manager would. kInternal if one ended otherwise.
  absl::Status RestartEnded();

  // OK iff every process still runs.
  absl::Status CheckAlive();

  // Waits until every service answers that it is ready.
  absl::Status AwaitReady(absl::Duration timeout);

 private:
  static constexpr int kParts = 3;

  explicit Cluster(ClusterOptions options) : options_(std::move(options)) {}
  absl::Status StartServers();
  absl::Status CheckGivenServers() const;
  absl::Status Launch(Part part);
  absl::Status AwaitReady(Part part, absl::Time deadline);

  const ClusterOptions options_;
  std::unique_ptr<stele::sandbox::PrivateFolder> folder_;
  std::unique_ptr<stele::sandbox::PrivatePostgres> postgres_;  // Null: given.
  std::unique_ptr<stele::sandbox::PrivateNats> nats_;          // Null: given.
  std::string database_url_;
  std::string broker_url_;
  int ports_[kParts] = {};
  std::unique_ptr<stele::sandbox::SupervisedProcess> processes_[kParts];
};

const char* ToString(Cluster::Part part);

}  // namespace orders

#endif  // ORDERS_DEMO_CLUSTER_H_
