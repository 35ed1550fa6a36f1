#ifndef STELE_TESTS_PROJECTIONS_PG_FIXTURE_H_
#define STELE_TESTS_PROJECTIONS_PG_FIXTURE_H_

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bank_events.h"
#include "stele/eventstore/event_store.h"
#include "stele/projections/admin.h"
#include "stele/projections/projections.h"
#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"

namespace stele::testing {

inline absl::Time Soon() { return absl::Now() + absl::Seconds(60); }

// A process with projections: runs them on a thread until it is stopped.
class Process {
 public:
  Process(EventStore& store, std::vector<ProjectionSetup> setups,
          ProjectionsOptions options);
  ~Process();

  // OK, or why it could not be created.
  const absl::Status& status() const { return status_; }
  Projections& operator*() { return *projections_; }
  Projections* operator->() { return projections_.get(); }
  void Run();
  void Stop();
  void Join();  // Waits until Run() has ended by itself.
  // How Run() ended.
  const absl::Status& result() const { return result_; }

 private:
  absl::Status status_;
  std::unique_ptr<Projections> projections_;
  std::jthread thread_;
  absl::Status result_;
};

// A migrated store in a schema of its own, and a connection beside it.
class PgTest : public ::testing::Test {
 protected:
  PgTest();

  static ProjectionsOptions FastOptions(std::string process);
  // Another connection pool to the same store: another process.
  std::unique_ptr<EventStore> OpenStore();
  // Creates a process and runs it.
  std::unique_ptr<Process> StartProcess(
      ProjectionType type, std::string name, bool is_inline = false,
      std::function<void(ProjectionsOptions&)> adjust = nullptr);

  static const std::string& PostgresDsn();
  std::string views() const { return schema_ + "_views"; }
  // The first field of the first row; "" if there is none.
  std::string Query(const std::string& sql);
  void Execute(const std::string& sql);
  // Every row of a read model, ordered, as text.
  std::string Rows(const std::string& table, const std::string& columns);
  // Waits until `holds`; fails the test after a minute.
  void Await(const std::string& what, const std::function<bool()>& holds);
  // Waits until the projection has been switched to `version`.
  void AwaitActive(const std::string& projection, int version);
  std::string ActiveConsumer(const std::string& projection);
  ProjectionStatus StatusOf(const std::string& projection);

  const std::string schema_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<ProjectionAdmin> admin_;
  std::unique_ptr<pqxx::connection> connection_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_PROJECTIONS_PG_FIXTURE_H_
