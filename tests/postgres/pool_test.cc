#include "stele/postgres/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <pqxx/pqxx>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "stele/base/status.h"
#include "stele/postgres/errors.h"
#include "stele/postgres/session.h"
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
using ::testing::HasSubstr;

class PoolTest : public ::testing::Test {
 protected:
  virtual std::string Dsn() { return PostgresEnv::Dsn(); }

  void SetUp() override {
    pqxx::connection connection(Dsn());
    pqxx::work tx(connection);
    tx.exec("CREATE SCHEMA " + schema_);
    tx.exec("CREATE TABLE " + table_ + " (id int PRIMARY KEY, n int)");
    tx.exec("INSERT INTO " + table_ + " VALUES (1, 0), (2, 0)");
    tx.commit();
  }
  std::unique_ptr<Pool> Make(int connections = 4) {
    PoolOptions options;
    options.connect.dsn = PostgresEnv::Dsn();
    options.connections_max = connections;
    options.checkout_timeout = absl::Milliseconds(200);
    auto pool = Pool::Create(std::move(options));
    EXPECT_THAT(pool, IsOk());
    return *std::move(pool);
  }
  absl::Status Add(pqxx::transaction_base& tx, int id) {
    tx.exec("UPDATE " + table_ +
            " SET n = n + 1 WHERE id = " + std::to_string(id));
    return absl::OkStatus();
  }
  int Sum() {
    pqxx::connection connection(Dsn());
    pqxx::nontransaction tx(connection);
    return tx.exec1("SELECT sum(n) FROM " + table_)[0].as<int>();
  }

  const std::string schema_ = PostgresEnv::FreshSchema();
  const std::string table_ = schema_ + ".t";
};

TEST_F(PoolTest, CommitsOnOkAndRollsBackOnErrors) {
  const auto pool = Make();
  EXPECT_THAT(pool->Transact("adding", [&](auto& tx) { return Add(tx, 1); }),
              IsOk());
  EXPECT_THAT(pool->Transact("adding",
                             [&](auto& tx) {
                               Add(tx, 1).IgnoreError();
                               return RejectedError("no");
                             }),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(pool->Transact("adding",
                             [&](auto& tx) -> absl::Status {
                               Add(tx, 1).IgnoreError();
                               throw std::runtime_error("boom");
                             }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("boom")));
  EXPECT_EQ(Sum(), 1);
}

TEST_F(PoolTest, NeverOpensMoreThanItMay) {
  const auto pool = Make(1);
  absl::Notification inside;
  absl::Notification leave;
  std::thread holder([&] {
    EXPECT_THAT(pool->Transact("holding",
                               [&](auto&) {
                                 inside.Notify();
                                 leave.WaitForNotification();
                                 return absl::OkStatus();
                               }),
                IsOk());
  });
  inside.WaitForNotification();
  EXPECT_THAT(pool->Transact("waiting", [](auto&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("in use")));
  leave.Notify();
  holder.join();
  EXPECT_THAT(pool->Transact("again", [](auto&) { return absl::OkStatus(); }),
              IsOk());
  EXPECT_EQ(pool->connections(), 1);
}

TEST_F(PoolTest, ReplacesAConnectionThatDied) {
  const auto pool = Make(1);
  int pid = 0;
  EXPECT_THAT(pool->Transact("looking",
                             [&](auto& tx) {
                               pid = tx.conn().backendpid();
                               return absl::OkStatus();
                             }),
              IsOk());
  {
    pqxx::connection connection(PostgresEnv::Dsn());
    pqxx::nontransaction tx(connection);
    tx.exec("SELECT pg_terminate_backend(" + std::to_string(pid) + ", 10000)");
  }
  EXPECT_THAT(pool->Transact("adding", [&](auto& tx) { return Add(tx, 1); }),
              IsOk());
}

TEST_F(PoolTest, ALostConnectionInTheMiddleIsUnavailableNotInDoubt) {
  const auto pool = Make();
  EXPECT_THAT(pool->Transact("losing",
                             [&](auto& tx) {
                               Add(tx, 1).IgnoreError();
                               tx.exec(
                                   "SELECT pg_terminate_backend("
                                   "pg_backend_pid())");
                               return absl::OkStatus();
                             }),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Sum(), 0);
}

TEST_F(PoolTest, ADeadlockIsTriedAgain) {
  const auto pool = Make();
  std::atomic<int> arrived{0};
  std::atomic<int> runs{0};
  const auto work = [&](int first, int second) {
    return pool->Transact("crossing", [&, first, second](auto& tx) {
      ++runs;
      Add(tx, first).IgnoreError();
      ++arrived;
      while (arrived.load() < 2) std::this_thread::yield();
      return Add(tx, second);
    });
  };
  absl::Status other;
  std::thread thread([&] { other = work(2, 1); });
  EXPECT_THAT(work(1, 2), IsOk());
  thread.join();
  EXPECT_THAT(other, IsOk());
  EXPECT_EQ(Sum(), 4);
  EXPECT_GE(runs, 3);
}

TEST_F(PoolTest, AHiddenFailureIsNotCommitted) {
  const auto pool = Make();
  EXPECT_THAT(pool->Transact("hiding",
                             [&](auto& tx) {
                               Add(tx, 1).IgnoreError();
                               try {
                                 tx.exec("SELECT 1 / 0");
                               } catch (const std::exception&) {
                                 // The mistake.
                               }
                               try {
                                 Add(tx, 2).IgnoreError();
                               } catch (const std::exception&) {
                                 // It cannot be gone on from, either.
                               }
                               return absl::OkStatus();
                             }),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(Sum(), 0);
}

TEST_F(PoolTest, ValuesPassInBinary) {
  const auto pool = Make();
  const Uuid id = RandomIds().Next();
  const absl::Time time = absl::FromUnixMicros(1'700'000'000'123'456);
  const std::string bytes("\0\xFF'\\", 4);
  const Statement echo = {
      "echo",
      "SELECT $1, $2, $3, $4, $5, $6, $7, cardinality($8), $9[2], $10",
      {Type::kBool, Type::kInt4, Type::kInt8, Type::kText, Type::kBytea,
       Type::kUuid, Type::kTimestamp, Type::kUuidArray, Type::kByteaArray,
       Type::kInt8Array}};
  const std::vector<std::optional<Uuid>> ids = {id, std::nullopt};
  const std::vector<std::string_view> blobs = {"a", bytes};
  const std::vector<std::int64_t> numbers = {1, -2, INT64_MIN};
  Params params;
  params.Bool(true)
      .Int4(-5)
      .Int8(INT64_MAX)
      .Text("日本")
      .Bytea(bytes)
      .Uuid(id)
      .Timestamp(time)
      .Uuids(ids)
      .Byteas(blobs)
      .Int8s(numbers);
  EXPECT_THAT(pool->Transact("echoing",
                             [&](auto& tx) -> absl::Status {
                               auto& session = static_cast<Session&>(tx.conn());
                               STELE_ASSIGN_OR_RETURN(
                                   const Result row,
                                   session.Execute("echoing", echo, params));
                               EXPECT_TRUE(row.GetBool(0, 0));
                               EXPECT_EQ(row.GetInt4(0, 1), -5);
                               EXPECT_EQ(row.GetInt8(0, 2), INT64_MAX);
                               EXPECT_EQ(row.GetBytes(0, 3), "日本");
                               EXPECT_EQ(row.GetBytes(0, 4), bytes);
                               EXPECT_EQ(row.GetUuid(0, 5), id);
                               EXPECT_EQ(row.GetTimestamp(0, 6), time);
                               EXPECT_EQ(row.GetInt4(0, 7), 2);
                               EXPECT_EQ(row.GetBytes(0, 8), bytes);
                               EXPECT_EQ(row.GetInt8s(0, 9), numbers);
                               return absl::OkStatus();
                             }),
              IsOk());
}

TEST_F(PoolTest, AStatementTakesNoLongerThanItMay) {
  PoolOptions options;
  options.connect.dsn = PostgresEnv::Dsn();
  options.connect.statement_timeout = absl::Milliseconds(100);
  options.connections_max = 1;
  const auto pool = Pool::Create(std::move(options));
  ASSERT_THAT(pool, IsOk());
  const auto nap = [&](absl::Duration allowed) {
    return (*pool)->Transact("napping", [&](auto& tx) -> absl::Status {
      if (allowed > absl::ZeroDuration()) {
        STELE_RETURN_IF_ERROR(AllowLongStatements(tx, allowed));
      }
      tx.exec("SELECT pg_sleep(0.3)");
      return absl::OkStatus();
    });
  };
  EXPECT_THAT(nap(absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(nap(absl::Minutes(1)), IsOk());
  // Only for that transaction, though the connection is the same.
  EXPECT_THAT(nap(absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(nap(absl::InfiniteDuration()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(PoolTest, ALockIsWaitedForNoLongerThanItMay) {
  PoolOptions options;
  options.connect.dsn = PostgresEnv::Dsn();
  options.connect.lock_timeout = absl::Milliseconds(50);
  const auto pool = Pool::Create(std::move(options));
  ASSERT_THAT(pool, IsOk());
  pqxx::connection connection(PostgresEnv::Dsn());
  pqxx::work holder(connection);
  Add(holder, 1).IgnoreError();
  EXPECT_THAT(
      (*pool)->Transact("waiting", [&](auto& tx) { return Add(tx, 1); }),
      StatusIs(absl::StatusCode::kDeadlineExceeded));
}

// A network that swallows what is sent, which breaks no connection.
class SilentPoolTest : public PoolTest {
 protected:
  std::string Dsn() override { return server_->dsn(); }

  void SetUp() override {
    auto server = PrivatePostgres::Start({.durable = false});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    auto proxy = TcpProxy::Start(server_->port());
    ASSERT_THAT(proxy, IsOk());
    proxy_ = *std::move(proxy);
    PoolTest::SetUp();
    PoolOptions options;
    options.connect.dsn =
        absl::StrCat(server_->tcp_dsn(), " port=", proxy_->port());
    options.connect.connect_timeout = absl::Seconds(1);
    options.connect.statement_timeout = absl::Milliseconds(100);
    options.connect.idle_in_transaction_timeout = absl::Milliseconds(100);
    auto pool = Pool::Create(std::move(options));
    ASSERT_THAT(pool, IsOk());
    pool_ = *std::move(pool);
    ASSERT_THAT(
        pool_->Transact("warming", [&](auto& tx) { return Add(tx, 1); }),
        IsOk());
  }

  // Adds one after the network fell silent, by `statement`.
  absl::Status AddInSilence(
      absl::FunctionRef<void(pqxx::transaction_base&)> statement) {
    return pool_->Transact("adding", [&](auto& tx) {
      proxy_->Freeze();
      statement(tx);
      return absl::OkStatus();
    });
  }
  std::string AddSql() { return "UPDATE " + table_ + " SET n = n + 1"; }

  std::unique_ptr<PrivatePostgres> server_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Pool> pool_;
};

TEST_F(SilentPoolTest, StatementsEndAndAnotherConnectionIsMade) {
  EXPECT_THAT(AddInSilence([&](auto& tx) { tx.exec(AddSql()); }),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(pool_->connections(), 0);
  proxy_->Resume();
  EXPECT_THAT(AddInSilence([&](auto& tx) { tx.exec_params(AddSql()); }),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  proxy_->Resume();
  EXPECT_THAT(pool_->Transact("again", [&](auto& tx) { return Add(tx, 1); }),
              IsOk());
  EXPECT_EQ(Sum(), 2);
}

TEST_F(SilentPoolTest, ACommitIsInDoubt) {
  const absl::Status status = AddInSilence([](auto&) {});
  EXPECT_TRUE(IsInDoubt(status)) << status;
}

TEST_F(SilentPoolTest, ConnectingEnds) {
  proxy_->Cut();
  proxy_->Freeze();
  EXPECT_THAT(pool_->Transact("adding", [&](auto& tx) { return Add(tx, 1); }),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SilentPoolTest, ABusyClientIsNotTakenForASilentServer) {
  // Many short statements, together longer than any may take.
  EXPECT_THAT(pool_->Transact("adding",
                              [&](auto& tx) {
                                for (int i = 0; i < 60; ++i) {
                                  tx.exec_params("SELECT pg_sleep(0.05)");
                                }
                                return Add(tx, 1);
                              }),
              IsOk());
}

TEST_F(PoolTest, AnUnreachableServerIsUnavailable) {
  PoolOptions options;
  options.connect.dsn = "host=/nowhere dbname=none";
  auto pool = Pool::Create(std::move(options));
  ASSERT_THAT(pool, IsOk());
  EXPECT_THAT((*pool)->Transact("x", [](auto&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace stele::postgres
