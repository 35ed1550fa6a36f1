#include <atomic>
#include <map>
#include <mutex>

#include "stele/base/backoff.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/transaction.h"
#include "stele/postgres/errors.h"
#include "stele/sandbox/private_postgres.h"
#include "tests/eventstore/postgres_fixture.h"
#include "tests/support/postgres_role.h"

// Promise P1: an append that was acknowledged is there, once; what is in doubt
// is settled by asking again.
namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PostgresFaultsTest : public PostgresStoreTest {
 protected:
  static constexpr char kBlockedAppend[] =
      "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
      "application_name = '{s}'";

  PostgresEventStoreOptions Options() override {
    PostgresEventStoreOptions options{.dsn = Dsn(), .schema = schema()};
    options.application_name = schema();
    options.append_connections = 1;
    return options;
  }

  // Keeps all appends waiting.
  struct Block {
    Block(const std::string& dsn, const std::string& sql)
        : connection(dsn), tx(connection) {
      tx.exec(sql);
    }
    pqxx::connection connection;
    pqxx::work tx;
  };
  // What is appended has passed all checks and waits to be written.
  std::unique_ptr<Block> BlockEvents() {
    return std::make_unique<Block>(Dsn(),
                                   Sql("LOCK TABLE {s}.events IN SHARE MODE"));
  }
};

TEST_F(PostgresFaultsTest, AKilledConnectionIsInDoubtAndARepeatSettlesIt) {
  Append("s-1");
  auto block = BlockEvents();
  const AppendRequest request = Request("s-1", ExpectedVersion::Exactly(1), 2);
  absl::StatusOr<AppendResult> result;
  std::thread appending([&] { result = store().Append(request); });
  const std::string pid = AwaitRow(kBlockedAppend);
  block->tx.exec("SELECT pg_terminate_backend(" + pid + ")");
  appending.join();
  EXPECT_TRUE(IsInDoubt(result.status())) << result.status();
  block.reset();
  const auto again = store().Append(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->version, 3);
  const auto third = store().Append(request);
  ASSERT_THAT(third, IsOk());
  EXPECT_TRUE(third->was_duplicate);
  EXPECT_EQ(store().GetStream("s-1")->version, 3);
}

TEST_F(PostgresFaultsTest, TheServersTimeoutIsNoDoubt) {
  Append("s-1");
  PostgresEventStoreOptions options = Options();
  options.call_timeout = absl::Milliseconds(100);
  auto hasty = Open(options);
  auto block = BlockEvents();
  EXPECT_THAT(hasty->Append(Request("s-1")),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  block.reset();
  EXPECT_EQ(store().GetStream("s-1")->version, 1);
  EXPECT_THAT(hasty->Append(Request("s-1")), IsOk());
}

TEST_F(PostgresFaultsTest, TooManyWaitingAppendsAreRefused) {
  Append("s-1");
  PostgresEventStoreOptions options = Options();
  options.waiting_appends_max = 1;
  auto narrow = Open(options);
  auto block = BlockEvents();
  absl::StatusOr<AppendResult> first;
  std::thread in_flight([&] { first = narrow->Append(Request("s-1")); });
  AwaitRow(kBlockedAppend);
  // One of these waits for the connection, the others find no room.
  std::atomic<int> refused{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&, i] {
      const auto result = narrow->Append(Request("s-9" + std::to_string(i)));
      if (absl::IsResourceExhausted(result.status())) ++refused;
    });
  }
  while (refused.load() < 2) std::this_thread::yield();
  block.reset();
  for (std::thread& caller : callers) caller.join();
  in_flight.join();
  EXPECT_THAT(first, IsOk());
  EXPECT_EQ(refused, 2);
}

TEST_F(PostgresFaultsTest, OneBadAppendSpoilsNobodyElses) {
  Append("s-1");
  auto block = BlockEvents();
  std::vector<std::thread> callers;
  std::atomic<int> written{0};
  std::atomic<int> conflicts{0};
  callers.emplace_back([&] {
    if (store().Append(Request("s-1")).ok()) ++written;
  });
  AwaitRow(kBlockedAppend);
  // These gather into one group behind it.
  for (int i = 0; i < 20; ++i) {
    callers.emplace_back([&, i] {
      const auto expected = i % 2 == 0 ? ExpectedVersion::NoStream()
                                       : ExpectedVersion::Exactly(7);
      const auto result =
          store().Append(Request("s-group" + std::to_string(i), expected));
      if (result.ok()) ++written;
      if (GetVersionConflict(result.status())) ++conflicts;
    });
  }
  block.reset();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(written, 11);
  EXPECT_EQ(conflicts, 10);
  EXPECT_EQ(LogOf(store()).size(), 12u);
  // What was refused left no row behind.
  EXPECT_EQ(AwaitRow("SELECT count(*) FROM {s}.streams"), "11");
}

TEST_F(PostgresFaultsTest, AFailedStatementCannotBeCommittedAround) {
  const absl::Status status =
      store().Transact([&](Transaction& tx) -> absl::Status {
        const std::vector<AppendRequest> requests = {Request("s-1")};
        STELE_RETURN_IF_ERROR(tx.AppendAll(requests));
        try {
          tx.sql()->exec("SELECT 1 / 0");
        } catch (const std::exception&) {
          // The mistake: as if nothing had happened.
        }
        return absl::OkStatus();
      });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(store().GetStream("s-1")->version, 0);
}

// Nothing that a transaction may ask its store for waits for a connection that
// the transaction itself holds.
TEST_F(PostgresFaultsTest, ATransactionNeverWaitsForItself) {
  PostgresEventStoreOptions options = Options();
  options.sql_connections = 1;
  options.read_connections = 1;
  auto narrow = Open(options);
  ASSERT_THAT(narrow->Append(Request("s-1")), IsOk());
  const auto nothing = [](Transaction&) { return absl::OkStatus(); };
  const absl::Time began = absl::Now();
  EXPECT_THAT(narrow->Transact([&](Transaction& tx) -> absl::Status {
    // A name that has no number yet is given one outside the transaction.
    AppendRequest request = Request("fresh-1");
    request.events[0].type = "test.Fresh";
    STELE_RETURN_IF_ERROR(tx.AppendAll(std::span(&request, 1)));
    EXPECT_THAT(narrow->consumers().Register("c", 2, 0), IsOk());
    EXPECT_THAT(narrow->consumers().List(), IsOkAndHolds(::testing::SizeIs(1)));
    EXPECT_THAT(narrow->consumers().IsPaused("c"), IsOkAndHolds(false));
    EXPECT_THAT(narrow->GetStream("s-1"), IsOk());
    EXPECT_THAT(narrow->Head(), IsOk());
    EXPECT_THAT(narrow->Transact(nothing),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("another transaction")));
    EXPECT_THAT(narrow->Append(Request("s-1")),
                StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(narrow->Tombstone("s-1", ExpectedVersion::Any()),
                StatusIs(absl::StatusCode::kFailedPrecondition));
    // Nor by the way of another store.
    return store().Transact([&](Transaction&) {
      EXPECT_THAT(narrow->Transact(nothing),
                  StatusIs(absl::StatusCode::kFailedPrecondition));
      EXPECT_THAT(narrow->Append(Request("s-1")),
                  StatusIs(absl::StatusCode::kFailedPrecondition));
      return absl::OkStatus();
    });
  }),
              IsOk());
  EXPECT_LT(absl::Now() - began, absl::Seconds(10));
  EXPECT_THAT(narrow->Transact(nothing), IsOk());
}

TEST_F(PostgresFaultsTest, AHangingStatementOfATransactionIsEnded) {
  Append("s-1");
  PostgresEventStoreOptions options = Options();
  options.call_timeout = absl::Milliseconds(100);
  auto hasty = Open(options);
  auto block = BlockEvents();
  EXPECT_THAT(hasty->Transact([](Transaction& tx) {
    const std::vector<AppendRequest> requests = {Request("s-1")};
    return tx.AppendAll(requests).status();
  }),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(PostgresFaultsTest, DeadlocksOfTransactionsAreTriedAgain) {
  Append("s-1");
  Append("s-2");
  std::atomic<int> meeting{2};
  const auto work = [&](const char* first, const char* second) {
    return store().Transact([&, first, second](Transaction& tx) {
      absl::Status status;
      const std::vector<AppendRequest> one = {Request(first)};
      status = tx.AppendAll(one).status();
      if (!status.ok()) return status;
      --meeting;
      while (meeting.load() > 0) std::this_thread::yield();
      const std::vector<AppendRequest> two = {Request(second)};
      return tx.AppendAll(two).status();
    });
  };
  absl::Status other;
  std::thread thread([&] { other = work("s-2", "s-1"); });
  EXPECT_THAT(work("s-1", "s-2"), IsOk());
  thread.join();
  EXPECT_THAT(other, IsOk());
  EXPECT_EQ(store().GetStream("s-1")->version, 3);
  EXPECT_EQ(store().GetStream("s-2")->version, 3);
}

TEST_F(PostgresFaultsTest, ManyWritersOfFewStreamsNeverDeadlock) {
  auto second = Open();
  std::atomic<std::int64_t> events{0};
  std::vector<std::thread> writers;
  for (int t = 0; t < 12; ++t) {
    writers.emplace_back([&, t] {
      EventStore& mine = t % 2 == 0 ? store() : *second;
      for (int n = 0; n < 30; ++n) {
        std::vector<AppendRequest> requests;
        for (int k = 0; k < 3; ++k) {
          requests.push_back(Request(
              "s-" + std::to_string((t * 7 + n * (k % 2 ? 3 : 2) + k) % 6)));
        }
        std::map<std::string, AppendRequest> distinct;
        for (const auto& r : requests) distinct.emplace(r.stream_id, r);
        requests.clear();
        // Backwards, so that the caller's order is not the store's.
        for (auto it = distinct.rbegin(); it != distinct.rend(); ++it) {
          requests.push_back(it->second);
        }
        const auto result = mine.AppendAll(requests);
        ASSERT_THAT(result, IsOk());
        events += static_cast<std::int64_t>(requests.size());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(static_cast<std::int64_t>(LogOf(store()).size()), events);
}

TEST_F(PostgresFaultsTest, AThousandStreamsInOneAppend) {
  std::vector<AppendRequest> requests;
  for (int i = 0; i < 1000; ++i) {
    requests.push_back(Request("s-" + std::to_string(i),
                               ExpectedVersion::NoStream(), 1 + i % 3));
  }
  const auto first = store().AppendAll(requests);
  ASSERT_THAT(first, IsOk());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    ASSERT_EQ((*first)[i].version,
              static_cast<std::int64_t>(requests[i].events.size()));
  }
  const auto again = store().AppendAll(requests);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ((*again)[999].position, (*first)[999].position);
  EXPECT_TRUE((*again)[500].was_duplicate);
}

// ---- A server of its own ----------------------------------------------------

class PostgresCrashTest : public PostgresFaultsTest {
 protected:
  std::string Dsn() override {
    if (server_ == nullptr) {
      auto server = sandbox::PrivatePostgres::Start();
      EXPECT_THAT(server, IsOk());
      server_ = *std::move(server);
    }
    return server_->dsn();
  }
  void TearDown() override { CloseStore(); }

  std::unique_ptr<sandbox::PrivatePostgres> server_;
};

TEST_F(PostgresCrashTest, WhatWasAcknowledgedSurvivesAKilledServer) {
  std::atomic<bool> is_over{false};
  std::atomic<std::int64_t> acknowledged{0};
  std::atomic<std::int64_t> doubts{0};
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      const std::string stream_id = "s-" + std::to_string(t);
      std::int64_t version = 0;
      while (!is_over.load() || version == 0) {
        const AppendRequest request =
            Request(stream_id, ExpectedVersion::Exactly(version));
        // Until it is settled.
        Backoff backoff({absl::Milliseconds(1), absl::Milliseconds(20)});
        while (true) {
          const auto result = store().Append(request);
          if (result.ok()) {
            ASSERT_EQ(result->version, version + 1);
            break;
          }
          ASSERT_FALSE(GetVersionConflict(result.status())) << result.status();
          if (IsInDoubt(result.status())) ++doubts;
          absl::SleepFor(backoff.Next());  // Leave the server room to start.
        }
        ++version;
        ++acknowledged;
      }
    });
  }
  for (int crash = 0; crash < 3; ++crash) {
    const std::int64_t before = acknowledged;
    while (acknowledged.load() < before + 50) std::this_thread::yield();
    ASSERT_THAT(server_->Kill9(), IsOk());
    ASSERT_THAT(server_->Restart(), IsOk());
  }
  is_over = true;
  for (std::thread& writer : writers) writer.join();
  const std::vector<std::string> log = LogOf(store());
  EXPECT_EQ(static_cast<std::int64_t>(log.size()), acknowledged.load());
  std::int64_t versions = 0;
  for (int t = 0; t < 4; ++t) {
    versions += store().GetStream("s-" + std::to_string(t))->version;
  }
  EXPECT_EQ(versions, acknowledged.load());
  RecordProperty("in_doubt", std::to_string(doubts.load()));
}

TEST_F(PostgresCrashTest, AnOrderlyRestartPutsNothingInDoubt) {
  Append("s-1");
  ASSERT_THAT(server_->Stop(), IsOk());
  EXPECT_THAT(store().Append(Request("s-1")),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store().GetStream("s-1"),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store().Transact([](Transaction&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_THAT(server_->Restart(), IsOk());
  EXPECT_THAT(store().Append(Request("s-1")), IsOk());
  EXPECT_EQ(store().GetStream("s-1")->version, 2);
  EXPECT_THAT(store().Transact([](Transaction&) { return absl::OkStatus(); }),
              IsOk());
  // The head is followed again, too.
  auto other = Open();
  const auto result = other->Append(Request("s-2"));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(
      store().WaitForHead(result->position - 1, absl::Now() + kPatience),
      IsOkAndHolds(::testing::Ge(result->position)));
}

// ---- Opening ----------------------------------------------------------------

TEST_F(PostgresFaultsTest, OpeningSaysWhatIsWrong) {
  PostgresEventStoreOptions options = Options();
  options.schema = "nobody";
  EXPECT_THAT(OpenPostgresEventStore(options),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("stele migrate --schema nobody")));
  options.schema = "no\"body";
  EXPECT_THAT(OpenPostgresEventStore(options),
              StatusIs(absl::StatusCode::kInvalidArgument));
  options = Options();
  options.dsn = "this is no dsn";
  EXPECT_THAT(OpenPostgresEventStore(options),
              StatusIs(absl::StatusCode::kInvalidArgument));
  options.dsn = "host=/nowhere dbname=none";
  EXPECT_THAT(OpenPostgresEventStore(options),
              StatusIs(absl::StatusCode::kUnavailable));
  options = Options();
  options.append_connections = 0;
  EXPECT_THAT(OpenPostgresEventStore(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("append_connections")));
  options = Options();
  options.connect_timeout = absl::ZeroDuration();
  EXPECT_THAT(OpenPostgresEventStore(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("connect_timeout")));
}

TEST_F(PostgresFaultsTest, ARoleWithoutRightsIsToldSo) {
  const PostgresRole role;
  PostgresEventStoreOptions options = Options();
  options.dsn = role.Dsn();
  EXPECT_THAT(OpenPostgresEventStore(options),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("(42501)"), HasSubstr(role.name()),
                             HasSubstr("GRANT"))));
  EXPECT_THAT(MigrateEventStore(role.Dsn(), schema()),
              StatusIs(absl::StatusCode::kPermissionDenied));
  // One that may read alone.
  pqxx::connection connection(Dsn());
  pqxx::nontransaction tx(connection);
  tx.exec(Sql("GRANT USAGE ON SCHEMA {s} TO " + role.name()));
  tx.exec(Sql("GRANT SELECT ON ALL TABLES IN SCHEMA {s} TO " + role.name()));
  Append("s-1");
  auto reader = OpenPostgresEventStore(options);
  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT((*reader)->GetStream("s-1"), IsOk());
  const auto is_told =
      StatusIs(absl::StatusCode::kPermissionDenied,
               AllOf(HasSubstr("(42501)"), HasSubstr("owns the schema")));
  EXPECT_THAT((*reader)->Append(Request("s-1")), is_told);
  EXPECT_THAT((*reader)->Transact([&](Transaction& transaction) {
    const AppendRequest request = Request("s-1");
    return transaction.AppendAll(std::span(&request, 1)).status();
  }),
              is_told);
  EXPECT_THAT((*reader)->Transact([&](Transaction& transaction) {
    return postgres::CatchingAll("testing", [&] {
      transaction.sql()->exec(Sql("DELETE FROM {s}.events"));
      return absl::OkStatus();
    });
  }),
              is_told);
}

// ---- Whose store it is ------------------------------------------------------

TEST_F(PostgresFaultsTest, AStoreIsOfTheFirstServiceThatOpensIt) {
  const auto open_as = [&](const std::string& service) {
    PostgresEventStoreOptions options = Options();
    options.service = service;
    return OpenPostgresEventStore(options).status();
  };
  EXPECT_THAT(CheckStoreService(Dsn(), schema(), "orders"), IsOk());
  EXPECT_THAT(open_as("orders"), IsOk());
  EXPECT_THAT(open_as("orders"), IsOk());
  const auto is_refused =
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("\"orders\""), HasSubstr("\"payments\""),
                     HasSubstr("stele migrate --schema " + schema() +
                               " --service payments")));
  EXPECT_THAT(open_as("payments"), is_refused);
  EXPECT_THAT(CheckStoreService(Dsn(), schema(), "payments"), is_refused);
  EXPECT_THAT(open_as(""), IsOk());  // Whosever it is.

  ASSERT_THAT(SetStoreService(Dsn(), schema(), "payments"), IsOk());
  EXPECT_THAT(open_as("payments"), IsOk());
  EXPECT_THAT(open_as("orders"),
              StatusIs(absl::StatusCode::kFailedPrecondition));

  EXPECT_THAT(open_as("a\nb"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SetStoreService(Dsn(), schema(), ""),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckStoreService(Dsn(), "nobody", "orders"), IsOk());
  EXPECT_THAT(SetStoreService(Dsn(), "nobody", "orders"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(PostgresFaultsTest, OneOfSeveralServicesThatStartAtOnceGetsTheStore) {
  std::atomic<int> opened{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      PostgresEventStoreOptions options = Options();
      options.service = "service-" + std::to_string(i);
      const auto mine = OpenPostgresEventStore(options);
      if (mine.ok()) return void(++opened);
      EXPECT_THAT(mine, StatusIs(absl::StatusCode::kFailedPrecondition));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 1);
}

TEST_F(PostgresFaultsTest, ANewerOrOlderSchemaIsRefused) {
  pqxx::connection connection(Dsn());
  pqxx::nontransaction tx(connection);
  tx.exec(
      Sql("INSERT INTO {s}.schema_migrations (component, number, name, "
          "checksum) VALUES ('eventstore', 99, '0099_future', 'x')"));
  EXPECT_THAT(OpenPostgresEventStore(Options()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("newer than this program")));
  EXPECT_THAT(MigrateEventStore(Dsn(), schema()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("newer than this program")));
  tx.exec(Sql("DELETE FROM {s}.schema_migrations WHERE number >= 3"));
  EXPECT_THAT(OpenPostgresEventStore(Options()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("older than this program")));
}

}  // namespace
}  // namespace stele::testing
