// RunService() as a process of its own.
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <memory>
#include <pqxx/pqxx>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/runtime/http_endpoint.h"
#include "stele/runtime/migrate.h"
#include "stele/sandbox/free_port.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/supervised_process.h"
#include "tests/runtime/bank_service.h"
#include "tests/runtime/http_ask.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() : schema_(PostgresEnv::FreshSchema()) {
    auto folder = sandbox::PrivateFolder::Create();
    EXPECT_THAT(folder, IsOk());
    folder_ = *std::move(folder);
  }

  // Launches the service on this test's store with `more` arguments.
  std::unique_ptr<sandbox::SupervisedProcess> Launch(
      std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {
        STELE_BANK_SERVICE,    "--database-url=" + PostgresEnv::Dsn(),
        "--schema=" + schema_, "--http-address=127.0.0.1:0",
        "--lease=2s",          "--consumer-slots=4",
        "--log-format=json",   "--migrate"};
    argv.insert(argv.end(), more.begin(), more.end());
    return LaunchBare(std::move(argv));
  }
  std::unique_ptr<sandbox::SupervisedProcess> LaunchBare(
      std::vector<std::string> argv, std::vector<std::string> env = {}) {
    auto process = sandbox::SupervisedProcess::Start({.argv = std::move(argv),
                                                      .env = std::move(env),
                                                      .log_file = log_file(),
                                                      .folder = folder_.get()});
    EXPECT_THAT(process, IsOk());
    return *std::move(process);
  }
  // Runs the program to its end; its exit code.
  int Run(std::vector<std::string> argv) {
    argv.insert(argv.begin(), STELE_BANK_SERVICE);
    const auto ended = LaunchBare(std::move(argv))->Wait(absl::Minutes(1));
    if (ended.has_value() && ended->signal == 0) return ended->code;
    ADD_FAILURE() << (ended ? ToString(*ended) : "still running") << Log();
    return -1;
  }

  std::string log_file() const { return folder_->path() + "/log"; }
  std::string Log() const {
    std::ifstream file(log_file());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // The lines that are JSON; fails the test for any other but one that the
  // service prints on purpose.
  std::vector<boost::json::object> LogLines() const {
    std::vector<boost::json::object> lines;
    for (const std::string& line : std::vector<std::string>(
             absl::StrSplit(Log(), '\n', absl::SkipEmpty()))) {
      if (line == "in the middle of work") continue;
      boost::system::error_code error;
      const boost::json::value value = boost::json::parse(line, error);
      if (error || !value.is_object()) {
        ADD_FAILURE() << "not JSON: " << line;
        continue;
      }
      lines.push_back(value.as_object());
    }
    return lines;
  }
  // The port that the n-th service to log here listens on.
  std::uint16_t PortOf(std::size_t nth = 0) {
    std::uint32_t port = 0;
    Await("the port in the log", [&] {
      std::size_t seen = 0;
      for (const std::string& line :
           std::vector<std::string>(absl::StrSplit(Log(), '\n'))) {
        const std::string mark = "\"http_port\":\"";
        const std::size_t at = line.find(mark);
        if (at == std::string::npos || seen++ != nth) continue;
        const std::string rest = line.substr(at + mark.size());
        return absl::SimpleAtoi(rest.substr(0, rest.find('"')), &port);
      }
      return false;
    });
    return static_cast<std::uint16_t>(port);
  }
  void AwaitReady(std::uint16_t port) {
    Await("readiness",
          [&] { return Get(port, "/readyz").rfind("HTTP/1.1 200", 0) == 0; });
  }
  std::shared_ptr<EventStore> OpenStore() {
    auto store =
        OpenPostgresEventStore({.dsn = PostgresEnv::Dsn(), .schema = schema_});
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }

  const std::string schema_;
  std::unique_ptr<sandbox::PrivateFolder> folder_;
};

TEST_F(ServiceTest, AnswersProbesAndScrapers) {
  auto service = Launch({"--busy"});
  const std::uint16_t port = PortOf();
  AwaitReady(port);
  EXPECT_THAT(Get(port, "/livez"), HasSubstr("alive"));
  const std::string status = Get(port, "/statusz");
  EXPECT_THAT(status, HasSubstr("application/json"));
  boost::system::error_code error;
  boost::json::parse(status.substr(status.find("\r\n\r\n") + 4), error);
  EXPECT_FALSE(error) << status;
  Await("work to be counted", [&] {
    return Get(port, "/metrics")
               .find(
                   "stele_relay_published_total{relay="
                   "\"broker\"} 2") != std::string::npos;
  });
  const std::string metrics = Get(port, "/metrics");
  EXPECT_THAT(metrics, HasSubstr("text/plain; version=0.0.4"));
  for (const std::string name : {"stele_append_seconds_count",
                                 "stele_append_events_total",
                                 "stele_append_group_size_bucket",
                                 "stele_append_conflicts_total",
                                 "stele_append_in_doubt_total",
                                 "stele_append_waiting",
                                 "stele_head_position",
                                 "stele_head_lag",
                                 "stele_command_seconds_bucket",
                                 "stele_command_rejections_total",
                                 "stele_commands_waiting",
                                 "stele_consumer_position",
                                 "stele_consumer_lag_events",
                                 "stele_consumer_lag_seconds",
                                 "stele_consumer_parked_keys",
                                 "stele_consumer_slots_held",
                                 "stele_consumer_events_total",
                                 "stele_consumer_batches_total",
                                 "stele_consumer_errors_total",
                                 "stele_relay_pending",
                                 "stele_relay_published_total",
                                 "stele_relay_errors_total",
                                 "stele_relay_publish_seconds_bucket",
                                 "stele_inbox_handled_total",
                                 "stele_inbox_parked_keys",
                                 "stele_inbox_circuit_open",
                                 "stele_saga_steps_total",
                                 "stele_saga_ended_total",
                                 "stele_part_running",
                                 "stele_part_restarts_total"}) {
    EXPECT_THAT(metrics, HasSubstr(absl::StrCat("\n", name)));
  }
  EXPECT_TRUE(service->Stop().ok());
}

TEST_F(ServiceTest, StopsInTheMiddleOfWorkWithoutLosingIt) {
  auto service = Launch({"--busy", "--slow", "--stop-delay=1s"});
  const std::uint16_t port = PortOf();
  Await("work", [&] {
    return Log().find("in the middle of work") != std::string::npos;
  });
  service->Signal(SIGTERM);
  bool was_unready = false;
  Await("an answer that says it stops", [&] {
    const std::string answer = Get(port, "/readyz");
    was_unready = was_unready || answer.find("stopping") != std::string::npos;
    return was_unready;
  });
  EXPECT_THAT(Get(port, "/livez"), StartsWith("HTTP/1.1 200"));
  const auto ended = service->Wait(absl::Minutes(1));
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->ok()) << ToString(*ended) << Log();
  auto store = OpenStore();
  EXPECT_TRUE(AllLeasesAreFree(*store));
  pqxx::connection connection(PostgresEnv::Dsn());
  pqxx::nontransaction work(connection);
  EXPECT_EQ(work.exec(absl::StrCat("SELECT balance_cents FROM ", schema_,
                                   "_views.account_balance"))[0][0]
                .as<int>(),
            42)
      << "the batch at hand was not finished";
  LogLines();
}

TEST_F(ServiceTest, SaysWhatDidNotStopInTime) {
  auto service = Launch({"--stubborn", "--stop-grace=100ms"});
  AwaitReady(PortOf());
  service->Signal(SIGINT);
  const auto ended = service->Wait(absl::Minutes(1));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 5);
  EXPECT_THAT(Log(), HasSubstr("mule"));
  LogLines();
}

TEST_F(ServiceTest, SaysWhatItsComposingThrows) {
  auto service = Launch({"--broken"});
  const auto ended = service->Wait(absl::Minutes(1));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 70);
  EXPECT_THAT(Log(), HasSubstr("a missing part"));
}

TEST_F(ServiceTest, LogsOneJsonObjectALineAndNoPassword) {
  auto service = Launch(
      {"--log-level=debug", "--broker-url", "nats://user:s3cret@localhost:1"});
  AwaitReady(PortOf());
  EXPECT_TRUE(service->Stop().ok());
  std::set<std::string> messages;
  for (const boost::json::object& line : LogLines()) {
    EXPECT_TRUE(line.contains("time") && line.contains("level"));
    messages.insert(std::string(line.at("msg").as_string()));
  }
  EXPECT_THAT(messages,
              ::testing::IsSupersetOf({"setting", "service started",
                                       "service stopping", "service stopped"}));
  EXPECT_THAT(Log(), Not(HasSubstr("s3cret")));
}

TEST_F(ServiceTest, AnotherProcessTakesOverFromOneThatWasKilled) {
  auto first = Launch({"--busy"});
  AwaitReady(PortOf());
  auto store = OpenStore();
  const auto owners = [&] {
    std::set<std::string> all;
    const auto consumers = store->consumers().List().value();
    for (const ConsumerStatus& consumer : consumers) {
      for (const SlotStatus& slot : consumer.slots) all.insert(slot.owner);
    }
    return all;
  };
  const auto held_by = [&](pid_t pid) {
    const std::set<std::string> all = owners();
    return all.size() == 1 &&
           all.begin()->find(absl::StrCat("-", pid, "-")) != std::string::npos;
  };
  Await("all slots at the first", [&] { return held_by(first->pid()); });
  first->Kill9();
  auto second = Launch();
  AwaitReady(PortOf(1));
  Await("all slots at the second", [&] { return held_by(second->pid()); });
  EXPECT_TRUE(second->Stop().ok());
  EXPECT_TRUE(AllLeasesAreFree(*store));
}

TEST_F(ServiceTest, AnswersProbesWhileItMigrates) {
  pqxx::connection connection(PostgresEnv::Dsn());
  auto lock = std::make_unique<pqxx::work>(connection);
  lock->exec_params("SELECT pg_advisory_xact_lock(1937009005, hashtext($1))",
                    schema_);  // The migrator's own.
  const auto port = sandbox::FreePort();
  ASSERT_THAT(port, IsOk());
  auto service = Launch({absl::StrCat("--http-address=127.0.0.1:", *port)});
  Await("an answer", [&] { return !Get(*port, "/livez").empty(); });
  EXPECT_THAT(Get(*port, "/livez"), StartsWith("HTTP/1.1 200"));
  Await("the migrations", [&] {
    return Get(*port, "/readyz").find("migrating") != std::string::npos;
  });
  EXPECT_THAT(Get(*port, "/readyz"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Get(*port, "/statusz"), HasSubstr(R"("stage":"migrating")"));
  EXPECT_THAT(Get(*port, "/metrics"), StartsWith("HTTP/1.1 200"));
  lock = nullptr;
  AwaitReady(static_cast<std::uint16_t>(*port));
  EXPECT_TRUE(service->Stop().ok()) << Log();
}

TEST_F(ServiceTest, StopsAtOnceWhileItMigrates) {
  pqxx::connection connection(PostgresEnv::Dsn());
  const auto take = absl::StrCat(
      "SELECT pg_advisory_xact_lock(1937009005, hashtext('", schema_, "'))");
  auto lock = std::make_unique<pqxx::work>(connection);
  lock->exec(take);  // The migrator's own.
  const auto port = sandbox::FreePort();
  ASSERT_THAT(port, IsOk());
  for (const int signal : {SIGTERM, SIGINT}) {
    auto service = Launch({absl::StrCat("--http-address=127.0.0.1:", *port)});
    Await("the migrations", [&] {
      return Get(*port, "/readyz").find("migrating") != std::string::npos;
    });
    service->Signal(signal);
    const auto ended = service->Wait(absl::Seconds(20));
    ASSERT_TRUE(ended.has_value()) << "waits for the lock";
    EXPECT_TRUE(ended->ok()) << ToString(*ended) << Log();
  }
  LogLines();
  lock = nullptr;
  pqxx::work after(connection);
  after.exec(take);  // After all who waited for it before.
  EXPECT_EQ(after
                .exec_params("SELECT count(*) FROM pg_namespace "
                             "WHERE nspname = $1",
                             schema_)[0][0]
                .as<int>(),
            0);
}

// ---- What it is told wrongly ------------------------------------------------

TEST_F(ServiceTest, NamesAllWrongSettings) {
  EXPECT_EQ(Run({"--lease=9h", "--log-format=xml", "--unknown=1", "stray"}), 2);
  EXPECT_THAT(Log(), AllOf(HasSubstr("--lease"), HasSubstr("--log-format"),
                           HasSubstr("--unknown"), HasSubstr("argument 4"),
                           HasSubstr("--database-url is not set")));
}

TEST_F(ServiceTest, NamesWrongUrlAddressAndSchemaWithAllOthers) {
  EXPECT_EQ(Run({"--database-url=s3cret", "--http-address=foo", "--schema=a\"b",
                 "--broker-url=nats://u:s3cret@h:x", "--lease=1ms"}),
            2);
  EXPECT_THAT(Log(), AllOf(HasSubstr("--database-url: "),
                           HasSubstr("--http-address: "), HasSubstr("\"foo\""),
                           HasSubstr("--schema: "), HasSubstr("--broker-url: "),
                           HasSubstr("--lease: "), Not(HasSubstr("s3cret"))));
}

TEST_F(ServiceTest, ShowsNoPasswordOfAUrlThatIsMalformed) {
  for (const std::string url : {"postgresql://stele:s3cret@[bad/x",
                                "postgresql://stele:s3cret/7@127.0.0.1/shop"}) {
    EXPECT_EQ(Run({"--database-url=" + url, "--http-address="}), 2);
  }
  EXPECT_THAT(Log(), AllOf(HasSubstr("--database-url"), HasSubstr("%2F"),
                           Not(HasSubstr("s3cret"))));
}

TEST_F(ServiceTest, ReportsWrongSettingsAsJsonWhenAskedFor) {
  EXPECT_EQ(Run({"--log-format=json", "--lease=9h"}), 2);
  const auto lines = LogLines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].at("exit_code"), "2");
}

TEST_F(ServiceTest, RefusesAMalformedHttpAddress) {
  EXPECT_EQ(Run({"--database-url=" + PostgresEnv::Dsn(), "--schema=" + schema_,
                 "--migrate", "--http-address=nowhere"}),
            2);
  EXPECT_THAT(Log(), HasSubstr("nowhere"));
}

TEST_F(ServiceTest, SaysWhichHostCannotBeReached) {
  const auto port = sandbox::FreePort();
  ASSERT_THAT(port, IsOk());
  for (const std::string migrate : {"true", "false"}) {
    EXPECT_EQ(Run({absl::StrCat("--database-url=postgresql://u:s3cret@127.0.0.1"
                                ":",
                                *port, "/shop"),
                   "--http-address=127.0.0.1:0", "--migrate=" + migrate}),
              3);
  }
  EXPECT_THAT(Log(),
              AllOf(HasSubstr("127.0.0.1"), HasSubstr(absl::StrCat(*port)),
                    Not(HasSubstr("s3cret"))));
}

TEST_F(ServiceTest, RefusesASchemaThatIsMissingOrNewer) {
  const std::vector<std::string> arguments = {
      "--database-url=" + PostgresEnv::Dsn(), "--schema=" + schema_,
      "--http-address="};
  EXPECT_EQ(Run(arguments), 4);
  EXPECT_THAT(Log(), HasSubstr("stele migrate"));
  ASSERT_THAT(MigrateAll(PostgresEnv::Dsn(), schema_), IsOk());
  pqxx::connection connection(PostgresEnv::Dsn());
  pqxx::nontransaction work(connection);
  work.exec(absl::StrCat(
      "INSERT INTO ", schema_,
      ".schema_migrations SELECT (jsonb_populate_record(m, '{\"number\": "
      "999}')).* FROM ",
      schema_, ".schema_migrations m WHERE component = 'eventstore' LIMIT 1"));
  EXPECT_EQ(Run(arguments), 4);
  EXPECT_THAT(Log(), HasSubstr("newer"));
}

TEST_F(ServiceTest, RefusesASchemaOfWhichAnyPartIsNewer) {
  ASSERT_THAT(MigrateAll(PostgresEnv::Dsn(), schema_), IsOk());
  pqxx::connection connection(PostgresEnv::Dsn());
  pqxx::nontransaction work(connection);
  work.exec(absl::StrCat("INSERT INTO ", schema_,
                         ".schema_migrations VALUES ('sagas', 2, '0002', '')"));
  for (const std::string migrate : {"true", "false"}) {
    EXPECT_EQ(
        Run({"--database-url=" + PostgresEnv::Dsn(), "--schema=" + schema_,
             "--http-address=", "--migrate=" + migrate}),
        4);
  }
  EXPECT_THAT(Log(), AllOf(HasSubstr("newer"), HasSubstr("of sagas"),
                           Not(HasSubstr("service started"))));
}

TEST_F(ServiceTest, SaysWhichNumberOfSlotsToGoOnWith) {
  auto service = Launch();
  AwaitReady(PortOf());
  service->Signal(SIGTERM);
  ASSERT_TRUE(service->Wait(absl::Minutes(1)).has_value());
  EXPECT_EQ(Run({"--database-url=" + PostgresEnv::Dsn(), "--schema=" + schema_,
                 "--http-address=", "--consumer-slots=8"}),
            4);
  EXPECT_THAT(Log(), AllOf(HasSubstr("relay/"), HasSubstr("saga/"),
                           HasSubstr("set --consumer-slots=4")));
}

TEST_F(ServiceTest, SaysWhatIsLeftOfADroppedStore) {
  auto service = Launch();
  AwaitReady(PortOf());
  service->Signal(SIGTERM);
  ASSERT_TRUE(service->Wait(absl::Minutes(1)).has_value());
  pqxx::connection connection(PostgresEnv::Dsn());
  pqxx::nontransaction work(connection);
  work.exec("DROP SCHEMA " + schema_ + " CASCADE");
  const std::vector<std::string> arguments = {
      "--database-url=" + PostgresEnv::Dsn(), "--schema=" + schema_,
      "--http-address=", "--migrate"};
  EXPECT_EQ(Run(arguments), 4);
  EXPECT_THAT(Log(), HasSubstr("DROP SCHEMA \"" + schema_ + "_views\""));
}

TEST_F(ServiceTest, RefusesAnotherServicesSchema) {
  ASSERT_THAT(MigrateAll(PostgresEnv::Dsn(), schema_), IsOk());
  ASSERT_THAT(SetStoreService(PostgresEnv::Dsn(), schema_, "shop"), IsOk());
  for (const std::string migrate : {"true", "false"}) {
    EXPECT_EQ(
        Run({"--database-url=" + PostgresEnv::Dsn(), "--schema=" + schema_,
             "--http-address=", "--migrate=" + migrate}),
        4);
  }
  EXPECT_THAT(Log(), AllOf(HasSubstr("\"shop\""), HasSubstr("\"bank-service\""),
                           HasSubstr("--service bank-service")));
  // Two programs of one service name it.
  auto service = Launch({"--service=shop"});
  AwaitReady(PortOf());
}

TEST_F(ServiceTest, RefusesAPortThatIsTaken) {
  const auto taken = HttpEndpoint::Listen("127.0.0.1:0", {});
  ASSERT_THAT(taken, IsOk());
  EXPECT_EQ(Run({"--database-url=" + PostgresEnv::Dsn(), "--schema=" + schema_,
                 "--migrate",
                 absl::StrCat("--http-address=127.0.0.1:", (*taken)->port())}),
            4);
  EXPECT_THAT(Log(), HasSubstr(absl::StrCat((*taken)->port())));
}

TEST_F(ServiceTest, HelpNamesEverySetting) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(Log(), AllOf(HasSubstr("--database-url"),
                           HasSubstr("STELE_STOP_DELAY"), HasSubstr("--slow")));
}

}  // namespace
}  // namespace stele::testing
