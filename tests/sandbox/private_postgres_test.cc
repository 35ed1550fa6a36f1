#include "stele/sandbox/private_postgres.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/supervised_process.h"

namespace stele::sandbox {
namespace {

using ::testing::HasSubstr;

// What psql prints for `sql`, or the error.
std::string Ask(const std::string& dsn, const std::string& sql) {
  const auto answer = RunProgram(
      {.argv = {"psql", "-XAtq", "-d", dsn, "-c", sql}, .working_folder = "/"},
      absl::Minutes(1));
  if (!answer.ok()) return std::string(answer.status().message());
  return answer->substr(0, answer->find_last_not_of('\n') + 1);
}

std::unique_ptr<PrivatePostgres> StartServer(PostgresOptions options = {}) {
  auto server = PrivatePostgres::Start(std::move(options));
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

TEST(PrivatePostgresTest, StartsInAFolderOfAnyName) {
  const auto outer = PrivateFolder::Create();
  ASSERT_TRUE(outer.ok()) << outer.status();
  const std::string odd = (*outer)->path() + R"(/a "b" \c 'd' é)";
  std::filesystem::create_directory(odd);
  // The server may run as another user, who must get there.
  for (const std::string& path : {(*outer)->path(), odd}) {
    std::filesystem::permissions(path, std::filesystem::perms(0755));
  }
  setenv("TMPDIR", odd.c_str(), 1);
  const auto server = StartServer();
  unsetenv("TMPDIR");
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(server->folder().find(odd), 0u);
  EXPECT_EQ(Ask(server->dsn(), "SELECT current_user"), "stele");
}

TEST(PrivatePostgresTest, AnswersOnItsSocketAndOnItsPort) {
  const auto server = StartServer();
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(Ask(server->dsn(), "SELECT current_user"), "stele");
  EXPECT_EQ(Ask(server->tcp_dsn(), "SELECT inet_server_port()"),
            std::to_string(server->port()));
}

TEST(PrivatePostgresTest, AsksStrangersOnItsPortForThePassword) {
  const auto server = StartServer({.durable = false});
  ASSERT_NE(server, nullptr);
  const std::string dsn = "host=127.0.0.1 user=stele dbname=postgres port=" +
                          std::to_string(server->port());
  EXPECT_THAT(Ask(dsn + " password=guess", "SELECT 1"),
              HasSubstr("password authentication failed"));
}

TEST(PrivatePostgresTest, FrozenItTakesConnectionsAndAnswersNothing) {
  const auto server = StartServer({.durable = false});
  ASSERT_NE(server, nullptr);
  EXPECT_TRUE(server->Freeze().ok());
  EXPECT_THAT(Ask(server->dsn() + " connect_timeout=2", "SELECT 1"),
              HasSubstr("timeout expired"));
  EXPECT_TRUE(server->Thaw().ok());
  EXPECT_EQ(Ask(server->dsn(), "SELECT 1"), "1");
  // It can be stopped as it is.
  EXPECT_TRUE(server->Freeze().ok());
  EXPECT_TRUE(server->Stop().ok());
  EXPECT_FALSE(server->Freeze().ok());
  EXPECT_TRUE(server->Restart().ok());
  EXPECT_EQ(Ask(server->dsn(), "SELECT 1"), "1");
}

TEST(PrivatePostgresTest, IsDurableUnlessToldOtherwise) {
  const std::string sql =
      "SELECT current_setting('fsync') || current_setting('synchronous_commit')"
      " || current_setting('full_page_writes')";
  const auto durable = StartServer();
  const auto fast = StartServer({.durable = false});
  ASSERT_TRUE(durable != nullptr && fast != nullptr);
  EXPECT_EQ(Ask(durable->dsn(), sql), "ononon");
  EXPECT_EQ(Ask(fast->dsn(), sql), "offonoff");
}

TEST(PrivatePostgresTest, TakesFurtherSettings) {
  const auto server =
      StartServer({.durable = false, .settings = {{"work_mem", "7MB"}}});
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(Ask(server->dsn(), "SHOW work_mem"), "7MB");
  EXPECT_EQ(Ask(server->dsn(), "SHOW max_connections"), "300");
  EXPECT_EQ(Ask(server->dsn(), "SHOW max_prepared_transactions"), "20");
}

TEST(PrivatePostgresTest, QuotesNamesOfDatabases) {
  const auto server = StartServer({.durable = false});
  ASSERT_NE(server, nullptr);
  Ask(server->dsn(), R"(CREATE DATABASE "it's a \ db")");
  EXPECT_EQ(Ask(server->dsn(R"(it's a \ db)"), "SELECT current_database()"),
            R"(it's a \ db)");
}

TEST(PrivatePostgresTest, SaysWhatIsWrongWithASetting) {
  const auto server =
      PrivatePostgres::Start({.settings = {{"no_such_setting", "1"}}});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(server.status().message()),
              HasSubstr("no_such_setting"));
}

TEST(PrivatePostgresTest, SaysWhatIsMissing) {
  const auto server =
      PrivatePostgres::Start({.programs_folder = "/nonexistent"});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kNotFound)
      << server.status();
}

TEST(PrivatePostgresTest, KeepsWhatWasCommittedOverEveryWayDown) {
  const auto server = StartServer({.durable = false});
  ASSERT_NE(server, nullptr);
  const std::string dsn = server->dsn();
  Ask(dsn, "CREATE TABLE t (v int)");
  using Way = absl::Status (PrivatePostgres::*)();
  int committed = 0;
  for (const Way way : {&PrivatePostgres::Stop, &PrivatePostgres::Crash,
                        &PrivatePostgres::Kill9, &PrivatePostgres::Kill9}) {
    Ask(dsn, "INSERT INTO t VALUES (1)");
    ++committed;
    ASSERT_TRUE(((*server).*way)().ok());
    EXPECT_EQ(server->pid(), 0);
    EXPECT_THAT(Ask(dsn, "SELECT 1"), HasSubstr("failed"));
    const absl::Status restarted = server->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    EXPECT_EQ(Ask(dsn, "SELECT count(*) FROM t"), std::to_string(committed));
  }
}

TEST(PrivatePostgresTest, Kill9EndsBackendsThatAreAtWork) {
  const auto server = StartServer({.durable = false});
  ASSERT_NE(server, nullptr);
  Ask(server->dsn(), "CREATE TABLE t (v int)");
  // Never looks at its postmaster: it computes, and waits for nothing.
  std::thread busy([&] {
    Ask(server->dsn(),
        "SET application_name = 'busy';"
        "SELECT count(*) FROM generate_series(1, 10000000000)");
  });
  while (Ask(server->dsn(),
             "SELECT count(*) FROM pg_stat_activity WHERE"
             " application_name = 'busy' AND"
             " query LIKE '%generate_series%'") != "1") {
  }
  EXPECT_TRUE(server->Kill9().ok());
  busy.join();
  EXPECT_TRUE(server->Restart().ok());
}

TEST(PrivatePostgresTest, IsGoneWithItsObject) {
  auto server = StartServer({.durable = false});
  ASSERT_NE(server, nullptr);
  const std::string folder = server->folder();
  const pid_t pid = server->pid();
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(PrivatePostgresTest, LetsNobodyElseIntoItsFolder) {
  const auto server = StartServer({.durable = false});
  ASSERT_NE(server, nullptr);
  struct stat info = {};
  ASSERT_EQ(stat(server->folder().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST(PrivatePostgresTest, ManyCanStartAtOnce) {
  constexpr int kServers = 6;
  std::vector<std::unique_ptr<PrivatePostgres>> servers(kServers);
  std::vector<std::thread> threads;
  for (auto& server : servers) {
    threads.emplace_back([&server] {
      server = StartServer({.durable = false, .shared_buffers = "8MB"});
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int> ports;
  for (const auto& server : servers) {
    ASSERT_NE(server, nullptr);
    ports.insert(server->port());
    EXPECT_EQ(Ask(server->dsn(), "SELECT 1"), "1");
  }
  EXPECT_EQ(ports.size(), kServers);
}

}  // namespace
}  // namespace stele::sandbox
