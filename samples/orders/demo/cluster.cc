#include "demo/cluster.h"

#include <deque>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "demo/http_get.h"
#include "stele/base/status.h"
#include "stele/outbox/brokers/nats.h"
#include "stele/runtime/migrate.h"
#include "stele/sandbox/free_port.h"

namespace orders {

namespace sandbox = stele::sandbox;

namespace {

// The exit code of a service that could not reach a server (RunService()).
constexpr int kUnreachable = 3;

// Of a log, in an error.
constexpr std::size_t kLinesTold = 5;

}  // namespace

const char* ToString(Cluster::Part part) {
  switch (part) {
    case Cluster::Part::kOrders:
      return "orders-service";
    case Cluster::Part::kRelay:
      return "orders-relay";
    case Cluster::Part::kPayments:
      return "payments-service";
  }
  return "?";
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(
    ClusterOptions options) {
  auto cluster = std::unique_ptr<Cluster>(new Cluster(std::move(options)));
  STELE_RETURN_IF_ERROR(cluster->StartServers());
  // The first process of each store brings its tables.
  for (const Part part : {Part::kOrders, Part::kPayments, Part::kRelay}) {
    STELE_ASSIGN_OR_RETURN(cluster->ports_[static_cast<int>(part)],
                           sandbox::FreePort());
    STELE_RETURN_IF_ERROR(cluster->Launch(part));
    STELE_RETURN_IF_ERROR(cluster->AwaitReady(absl::Seconds(60)));
  }
  return cluster;
}

Cluster::~Cluster() { Stop().IgnoreError(); }  // Stop() said what there is.

absl::Status Cluster::StartServers() {
  STELE_ASSIGN_OR_RETURN(folder_, sandbox::PrivateFolder::Create());
  database_url_ = options_.database_url;
  broker_url_ = options_.broker_url;
  STELE_RETURN_IF_ERROR(CheckGivenServers());
  if (database_url_.empty()) {
    STELE_ASSIGN_OR_RETURN(postgres_, sandbox::PrivatePostgres::Start());
    database_url_ = postgres_->dsn();
  }
  if (broker_url_.empty()) {
    STELE_ASSIGN_OR_RETURN(nats_, sandbox::PrivateNats::Start());
    broker_url_ = nats_->url();
  }
  return absl::OkStatus();
}

// Says at once, and in the demo's words, what the services would say later.
absl::Status Cluster::CheckGivenServers() const {
  if (!database_url_.empty()) {
    STELE_RETURN_IF_ERROR(stele::Annotate(
        stele::MigrateAll(database_url_, schemas().orders, /*dry_run=*/true)
            .status(),
        options_.database_source));
  }
  if (broker_url_.empty()) return absl::OkStatus();
  const auto broker = stele::MakeNatsBroker({.url = broker_url_});
  return stele::Annotate(
      broker.ok() ? (*broker)->OpenPublisher().status() : broker.status(),
      options_.broker_source);
}

std::string Cluster::log_file(Part part) const {
  return absl::StrCat(folder(), "/", ToString(part), ".log");
}

std::string Cluster::EndOfLog(Part part, std::size_t lines) const {
  std::deque<std::string> last;
  std::ifstream log(log_file(part));
  for (std::string line; std::getline(log, line);) {
    last.push_back(line);
    if (last.size() > lines) last.pop_front();
  }
  if (last.empty()) {
    return absl::StrCat("the log of ", ToString(part), " is empty");
  }
  return absl::StrCat("the end of the log of ", ToString(part), ":\n  ",
                      absl::StrJoin(last, "\n  "));
}

absl::Status Cluster::Launch(Part part) {
  const bool is_payments = part == Part::kPayments;
  std::vector<std::string> argv = {
      absl::StrCat(options_.programs_folder, "/",
                   is_payments ? "payments-service" : "orders-service"),
      absl::StrCat("--database-url=", database_url_),
      absl::StrCat("--schema=",
                   is_payments ? schemas().payments : schemas().orders),
      absl::StrCat("--broker-url=", broker_url_),
      absl::StrCat("--http-address=127.0.0.1:", ports_[static_cast<int>(part)]),
      "--migrate",
      "--lease=3s",
      "--redelivery=3s",
  };
  if (is_payments) {
    argv.push_back(absl::StrCat("--late-answer=",
                                absl::FormatDuration(options_.late_answer)));
  } else {
    argv.push_back(part == Part::kRelay ? "--role=relay" : "--role=work");
    argv.push_back(absl::StrCat(
        "--payment-timeout=", absl::FormatDuration(options_.payment_timeout)));
    argv.push_back(
        absl::StrCat("--late-payment-grace=",
                     absl::FormatDuration(options_.late_payment_grace)));
  }
  STELE_ASSIGN_OR_RETURN(
      processes_[static_cast<int>(part)],
      sandbox::SupervisedProcess::Start({.argv = std::move(argv),
                                         .env_unwanted = {"STELE_"},
                                         .log_file = log_file(part),
                                         .stop_timeout = absl::Seconds(30),
                                         .folder = folder_.get()}));
  return absl::OkStatus();
}

absl::Status Cluster::AwaitReady(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (int part = 0; part < kParts; ++part) {
    if (processes_[part] == nullptr) continue;
    STELE_RETURN_IF_ERROR(AwaitReady(static_cast<Part>(part), deadline));
  }
  return absl::OkStatus();
}

absl::Status Cluster::AwaitReady(Part part, absl::Time deadline) {
  const auto index = static_cast<int>(part);
  for (;;) {
    const auto answer = HttpGet(ports_[index], "/readyz");
    if (answer.ok() && answer->status == 200) return absl::OkStatus();
    if (auto ended = processes_[index]->Wait(absl::Milliseconds(50))) {
      return absl::InternalError(
          absl::StrCat(ToString(part), " ", sandbox::ToString(*ended),
                       " before it was ready; ", EndOfLog(part, kLinesTold)));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          ToString(part), " does not become ready: ",
          answer.ok() ? answer->body : std::string(answer.status().message()),
          "; ", EndOfLog(part, kLinesTold)));
    }
  }
}

absl::Status Cluster::CheckAlive() {
  for (int part = 0; part < kParts; ++part) {
    if (processes_[part] == nullptr || processes_[part]->IsRunning()) continue;
    return absl::UnavailableError(
        absl::StrCat(ToString(static_cast<Part>(part)), " has ended; ",
                     EndOfLog(static_cast<Part>(part), kLinesTold)));
  }
  return absl::OkStatus();
}

absl::Status Cluster::Stop() {
  std::string late;
  for (auto& process : processes_) {
    if (process != nullptr) process->Signal(SIGTERM);
  }
  for (int part = 0; part < kParts; ++part) {
    if (processes_[part] == nullptr) continue;
    const sandbox::ExitState ended = processes_[part]->Stop();
    if (!ended.ok()) {
      absl::StrAppend(&late, ToString(static_cast<Part>(part)), " ",
                      sandbox::ToString(ended), "; ",
                      EndOfLog(static_cast<Part>(part), kLinesTold), "\n");
    }
    processes_[part] = nullptr;
  }
  if (late.empty()) return absl::OkStatus();
  return absl::InternalError(late);
}

absl::Status Cluster::KillAndRestart(Part part) {
  processes_[static_cast<int>(part)]->Kill9();
  return Launch(part);
}

absl::Status Cluster::KillAndRestartBroker(absl::Duration pause) {
  if (nats_ == nullptr) return absl::FailedPreconditionError("not our broker");
  STELE_RETURN_IF_ERROR(nats_->Kill9());
  absl::SleepFor(pause);
  return nats_->Restart();
}

absl::Status Cluster::KillAndRestartDatabase(absl::Duration pause) {
  if (postgres_ == nullptr) {
    return absl::FailedPreconditionError("not our database");
  }
  STELE_RETURN_IF_ERROR(postgres_->Kill9());
  absl::SleepFor(pause);
  return postgres_->Restart();
}

absl::Status Cluster::RestartEnded() {
  for (const Part part : {Part::kOrders, Part::kPayments, Part::kRelay}) {
    const auto ended =
        processes_[static_cast<int>(part)]->Wait(absl::ZeroDuration());
    if (!ended) continue;
    if (ended->signal != 0 || ended->code != kUnreachable) {
      return absl::InternalError(absl::StrCat(ToString(part), " ",
                                              sandbox::ToString(*ended), "; ",
                                              EndOfLog(part, kLinesTold)));
    }
    // Unreachable may also have been its own port.
    STELE_ASSIGN_OR_RETURN(ports_[static_cast<int>(part)], sandbox::FreePort());
    STELE_RETURN_IF_ERROR(Launch(part));
  }
  return absl::OkStatus();
}

}  // namespace orders
