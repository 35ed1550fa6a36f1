#include "stele/postgres/async_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "stele/sandbox/private_postgres.h"
#include "stele/testing/status_matchers.h"
#include "tests/support/postgres_env.h"
#include "tests/support/tcp_proxy.h"

namespace stele::postgres {
namespace {

using ::stele::sandbox::PrivatePostgres;
using ::stele::testing::IsOk;
using ::stele::testing::PostgresEnv;
using ::stele::testing::StatusIs;
using ::stele::testing::TcpProxy;

namespace asio = boost::asio;

class AsyncConnectionTest : public ::testing::Test {
 protected:
  // Runs a coroutine to its end, and everything else with it.
  void Run(const std::function<asio::awaitable<void>()>& work) {
    asio::co_spawn(io_, work, [](std::exception_ptr thrown) {
      EXPECT_EQ(thrown, nullptr);
    });
    io_.restart();
    io_.run();
  }
  AsyncConnection Make(bool prepare = true) {
    ConnectOptions options;
    options.dsn = PostgresEnv::Dsn();
    options.prepare_statements = prepare;
    return AsyncConnection(io_, blocking_, options);
  }
  static void Terminate(int pid) {
    pqxx::connection connection(PostgresEnv::Dsn());
    pqxx::nontransaction tx(connection);
    tx.exec(absl::StrCat("SELECT pg_terminate_backend(", pid, ", 10000)"));
  }

  asio::io_context io_{1};
  asio::thread_pool blocking_{1};
  const Statement add_ = {"add", "SELECT $1 + $2", {Type::kInt8, Type::kInt8}};
  const Statement nap_ = {
      "nap", "SELECT 1 FROM pg_sleep($1::integer)", {Type::kInt4}};
};

TEST_F(AsyncConnectionTest, AnswersAndPreparesAgainAfterReconnecting) {
  for (const bool prepare : {true, false}) {
    AsyncConnection connection = Make(prepare);
    const auto work = [&]() -> asio::awaitable<void> {
      for (int round = 0; round < 3; ++round) {
        const absl::Status connected = co_await connection.Connect();
        EXPECT_THAT(connected, IsOk());
        Params params;
        params.Int8(40).Int8(round);
        const auto sum = co_await connection.Execute("adding", add_, params,
                                                     absl::Seconds(30));
        EXPECT_THAT(sum, IsOk());
        if (sum.ok()) {
          EXPECT_EQ(sum->GetInt8(0, 0), 40 + round);
        }
        Terminate(connection.server_pid());
        EXPECT_FALSE(connection.LooksAlive());
        const auto lost = co_await connection.Execute("adding", add_, params,
                                                      absl::Seconds(30));
        EXPECT_THAT(lost, StatusIs(absl::StatusCode::kUnavailable));
        // It never went out.
        EXPECT_FALSE(connection.outcome_unknown());
      }
    };
    Run(work);
  }
}

TEST_F(AsyncConnectionTest, AnErrorOfTheServerKeepsTheConnection) {
  AsyncConnection connection = Make();
  const Statement divide = {"divide", "SELECT 1 / $1", {Type::kInt8}};
  const auto work = [&]() -> asio::awaitable<void> {
    const absl::Status connected = co_await connection.Connect();
    EXPECT_THAT(connected, IsOk());
    Params zero;
    zero.Int8(0);
    const auto result = co_await connection.Execute("dividing", divide, zero,
                                                    absl::Seconds(30));
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_FALSE(connection.outcome_unknown());
    EXPECT_TRUE(connection.LooksAlive());
  };
  Run(work);
}

TEST_F(AsyncConnectionTest, AnOverdueStatementIsCancelledAndUnknown) {
  AsyncConnection connection = Make();
  int pid = 0;
  const auto work = [&]() -> asio::awaitable<void> {
    const absl::Status connected = co_await connection.Connect();
    EXPECT_THAT(connected, IsOk());
    pid = connection.server_pid();
    Params params;
    params.Int4(3600);
    const auto result = co_await connection.Execute("napping", nap_, params,
                                                    absl::Milliseconds(50));
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kDeadlineExceeded));
    EXPECT_TRUE(connection.outcome_unknown());
    EXPECT_FALSE(connection.LooksAlive());
  };
  Run(work);
  // The server gives up, too.
  pqxx::connection probe(PostgresEnv::Dsn());
  pqxx::nontransaction tx(probe);
  while (
      !tx.exec(absl::StrCat("SELECT 1 FROM pg_stat_activity WHERE pid = ", pid))
           .empty()) {
  }
}

TEST_F(AsyncConnectionTest, AConnectionLostUnderwayIsUnknown) {
  AsyncConnection connection = Make();
  const Statement suicide = {
      "suicide", "SELECT pg_terminate_backend(pg_backend_pid())", {}};
  const auto work = [&]() -> asio::awaitable<void> {
    const absl::Status connected = co_await connection.Connect();
    EXPECT_THAT(connected, IsOk());
    const Params none;
    const auto result =
        co_await connection.Execute("ending", suicide, none, absl::Seconds(30));
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_TRUE(connection.outcome_unknown());
  };
  Run(work);
}

TEST_F(AsyncConnectionTest, RowsComeOneByOne) {
  AsyncConnection connection = Make();
  const Statement series = {"series",
                            "SELECT g::bigint FROM generate_series(1, $1) AS g",
                            {Type::kInt4}};
  std::int64_t sum = 0;
  int largest = 0;
  const auto take = [&](const Result& rows) {
    largest = std::max(largest, rows.rows());
    sum += rows.GetInt8(0, 0);
  };
  const auto work = [&]() -> asio::awaitable<void> {
    const absl::Status connected = co_await connection.Connect();
    EXPECT_THAT(connected, IsOk());
    Params params;
    params.Int4(1000);
    const absl::Status status = co_await connection.ExecuteByRow(
        "counting", series, params, absl::Seconds(30), take);
    EXPECT_THAT(status, IsOk());
  };
  Run(work);
  EXPECT_EQ(sum, 500500);
  EXPECT_EQ(largest, 1);
}

TEST_F(AsyncConnectionTest, NotificationsWakeAndSoDoesWake) {
  AsyncConnection connection = Make();
  asio::steady_timer later(io_);
  const auto work = [&]() -> asio::awaitable<void> {
    const absl::Status connected = co_await connection.Connect();
    EXPECT_THAT(connected, IsOk());
    const absl::Status listening = co_await connection.Run(
        "listening", "LISTEN probe; NOTIFY probe, 'news'", absl::Seconds(30));
    EXPECT_THAT(listening, IsOk());
    auto heard = co_await connection.WaitForNotifications(absl::Seconds(30));
    EXPECT_THAT(heard, IsOk());
    if (heard.ok()) {
      EXPECT_EQ(heard->size(), 1u);
      EXPECT_EQ(heard->front().payload, "news");
      EXPECT_EQ(heard->front().sender_pid, connection.server_pid());
    }
    later.expires_after(std::chrono::milliseconds(1));
    later.async_wait([&](const auto&) { connection.Wake(); });
    heard = co_await connection.WaitForNotifications(absl::Hours(1));
    EXPECT_THAT(heard, IsOk());
    EXPECT_TRUE(connection.LooksAlive());
  };
  Run(work);
}

TEST_F(AsyncConnectionTest, ConnectingToASilentServerEndsInTime) {
  const auto server = PrivatePostgres::Start({.durable = false});
  ASSERT_THAT(server, IsOk());
  const auto proxy = TcpProxy::Start((*server)->port());
  ASSERT_THAT(proxy, IsOk());
  ConnectOptions options;
  options.dsn = absl::StrCat((*server)->tcp_dsn(), " port=", (*proxy)->port());
  AsyncConnection connection(io_, blocking_, options);
  const auto work = [&]() -> asio::awaitable<void> {
    (*proxy)->Freeze();
    absl::Status connected =
        co_await connection.Connect(absl::Milliseconds(100));
    EXPECT_THAT(connected, StatusIs(absl::StatusCode::kUnavailable));
    (*proxy)->Resume();
    connected = co_await connection.Connect();
    EXPECT_THAT(connected, IsOk());
  };
  const absl::Time began = absl::Now();
  Run(work);
  EXPECT_LT(absl::Now() - began, absl::Seconds(5));
}

// The wait's time is over and it is closed, both before either is told.
TEST_F(AsyncConnectionTest, ClosingAsATimeOutComesIsHarmless) {
  AsyncConnection connection = Make();
  const absl::Duration timeout = absl::Milliseconds(20);
  const auto work = [&]() -> asio::awaitable<void> {
    const absl::Status connected = co_await connection.Connect();
    EXPECT_THAT(connected, IsOk());
    asio::post(io_, [&] {
      // Runs in the turn before the one that finds the timer due.
      asio::post(io_, [&] { connection.Close(); });
      const absl::Time due = absl::Now() + 2 * timeout;
      while (absl::Now() < due) {
      }
    });
    const auto heard = co_await connection.WaitForNotifications(timeout);
    EXPECT_THAT(heard, StatusIs(absl::StatusCode::kCancelled));
  };
  Run(work);
}

TEST_F(AsyncConnectionTest, AnUnreachableServerIsUnavailable) {
  ConnectOptions options;
  options.dsn = "host=/nowhere dbname=none";
  AsyncConnection connection(io_, blocking_, options);
  const auto work = [&]() -> asio::awaitable<void> {
    const absl::Status connected = co_await connection.Connect();
    EXPECT_THAT(connected, StatusIs(absl::StatusCode::kUnavailable));
  };
  Run(work);
}

}  // namespace
}  // namespace stele::postgres
