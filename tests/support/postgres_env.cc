#include "tests/support/postgres_env.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "stele/sandbox/supervised_process.h"

namespace stele::testing {
namespace {

[[noreturn]] void Die(const absl::Status& status) {
  std::cerr << "no PostgreSQL for these tests: " << status.message() << "\n";
  std::exit(EXIT_FAILURE);
}

class Env {
 public:
  Env() {
    const char* const url = std::getenv("STELE_DATABASE_URL");
    if (url != nullptr && *url != '\0') {
      dsn_ = url;
      return;
    }
    auto server = sandbox::PrivatePostgres::Start({.durable = false});
    if (!server.ok()) Die(server.status());
    server_ = *std::move(server);
    dsn_ = server_->dsn();
  }

  ~Env() {
    if (server_ != nullptr || getpid() != owner_) return;
    absl::MutexLock lock(&mutex_);
    for (const std::string& schema : schemas_) Drop(schema);
  }

  const std::string& dsn() const { return dsn_; }

  sandbox::PrivatePostgres& server() {
    if (server_ == nullptr) {
      Die(absl::FailedPreconditionError(
          "this one needs its own server: unset STELE_DATABASE_URL"));
    }
    return *server_;
  }

  std::string FreshSchema() {
    absl::MutexLock lock(&mutex_);
    schemas_.push_back(absl::StrCat("test_", getpid(), "_",
                                    absl::ToUnixMicros(started_), "_",
                                    schemas_.size() + 1));
    return schemas_.back();
  }

 private:
  void Drop(const std::string& schema) {
    const auto output = sandbox::RunProgram(
        {.argv = {"psql", "--no-psqlrc", "--quiet", "--dbname", dsn_,
                  "--command",
                  absl::StrCat("DROP SCHEMA IF EXISTS ", schema, " CASCADE")}},
        absl::Minutes(1));
    if (!output.ok()) std::cerr << output.status().message() << "\n";
  }

  const pid_t owner_ = getpid();
  const absl::Time started_ = absl::Now();
  std::unique_ptr<sandbox::PrivatePostgres> server_;
  std::string dsn_;

  absl::Mutex mutex_;
  std::vector<std::string> schemas_ ABSL_GUARDED_BY(mutex_);
};

Env& TheEnv() {
  static Env env;  // Destroyed at exit, which stops the server.
  return env;
}

}  // namespace

const std::string& PostgresEnv::Dsn() { return TheEnv().dsn(); }

std::string PostgresEnv::FreshSchema() { return TheEnv().FreshSchema(); }

sandbox::PrivatePostgres& PostgresEnv::Server() { return TheEnv().server(); }

}  // namespace stele::testing
