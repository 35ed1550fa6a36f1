#include "stele/postgres/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <pqxx/pqxx>
#include <thread>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "stele/base/status.h"
#include "stele/postgres/errors.h"
#include "stele/postgres/session.h"
#include "stele/testing/status_matchers.h"
#include "tests/support/postgres_env.h"

namespace stele::postgres {
namespace {

using ::stele::testing::IsOk;
using ::stele::testing::PostgresEnv;
using ::stele::testing::StatusIs;
using ::testing::HasSubstr;

class PoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pqxx::connection connection(PostgresEnv::Dsn());
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
    pqxx::connection connection(PostgresEnv::Dsn());
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
