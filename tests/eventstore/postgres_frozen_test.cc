#include <atomic>
#include <functional>
#include <map>
#include <pqxx/pqxx>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "stele/base/backoff.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/subscription.h"
#include "stele/eventstore/transaction.h"
#include "stele/sandbox/private_postgres.h"
#include "tests/eventstore/postgres_fixture.h"
#include "tests/support/tcp_proxy.h"

// A server that takes what it is sent and never answers: stopped where it
// stands, or behind a network that passes nothing on. It does not break
// connections, so nothing but the time tells.
namespace stele::testing {
namespace {

// The limit on the call, what the server's own answer is waited for beyond it,
// and room for a busy machine.
constexpr absl::Duration kCallTimeout = absl::Seconds(1);
constexpr absl::Duration kCallMax = absl::Seconds(6);
constexpr absl::Duration kCloseMax = absl::Seconds(6);

enum class Freezing { kServer, kNetwork };

class PostgresFrozenTest : public PostgresStoreTest,
                           public ::testing::WithParamInterface<Freezing> {
 protected:
  void SetUp() override {
    auto server = sandbox::PrivatePostgres::Start();
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    auto proxy = TcpProxy::Start(server_->port());
    ASSERT_THAT(proxy, IsOk());
    proxy_ = *std::move(proxy);
    PostgresStoreTest::SetUp();
  }
  void TearDown() override {
    Thaw();
    CloseStore();
  }

  std::string Dsn() override {
    if (GetParam() == Freezing::kServer) return server_->dsn();
    return absl::StrCat(server_->tcp_dsn(), " port=", proxy_->port());
  }
  PostgresEventStoreOptions Options() override {
    PostgresEventStoreOptions options = PostgresStoreTest::Options();
    options.call_timeout = kCallTimeout;
    options.connect_timeout = kCallTimeout;
    options.idle_in_transaction_timeout = kCallTimeout;
    options.sql_connections = 2;
    return options;
  }

  void Freeze() {
    if (GetParam() == Freezing::kServer) {
      ASSERT_THAT(server_->Freeze(), IsOk());
    } else {
      proxy_->Freeze();
    }
  }
  void Thaw() {
    if (GetParam() == Freezing::kServer) {
      ASSERT_THAT(server_->Thaw(), IsOk());
    } else {
      proxy_->Resume();
    }
  }

  absl::Status ReadAll() {
    return store()
        .ReadLog({}, [](const RecordedEvent&) { return absl::OkStatus(); })
        .status();
  }
  absl::Status AppendInTransaction() {
    return store().Transact([](Transaction& tx) {
      const std::vector<AppendRequest> requests = {Request("s-tx")};
      return tx.AppendAll(requests).status();
    });
  }
  absl::Status OwnSql() {
    return store().Transact([](Transaction& tx) {
      tx.sql()->exec("SELECT 1");
      tx.sql()->exec_params("SELECT $1::integer", 1);
      return absl::OkStatus();
    });
  }

  // Every kind of call, by name.
  std::map<std::string, std::function<absl::Status()>> Calls() {
    return {
        {"append", [this] { return store().Append(Request("s-1")).status(); }},
        {"new names",
         [this] {
           AppendRequest request = Request(absl::StrCat("c", name_++, "-1"));
           return store().Append(request).status();
         }},
        {"stream", [this] { return store().GetStream("s-1").status(); }},
        {"log", [this] { return ReadAll(); }},
        {"head", [this] { return store().Head().status(); }},
        {"snapshot", [this] { return store().LoadSnapshot("s-1").status(); }},
        {"transaction", [this] { return AppendInTransaction(); }},
        {"own SQL", [this] { return OwnSql(); }},
        {"tombstone",
         [this] {
           const absl::Status status =
               store().Tombstone("s-none", ExpectedVersion::Any());
           return absl::IsNotFound(status) ? absl::OkStatus() : status;
         }},
        {"consumers", [this] { return store().consumers().List().status(); }},
        {"wait",
         [this] {
           return store()
               .WaitForHead(1'000'000, absl::Now() + absl::Milliseconds(50))
               .status();
         }},
    };
  }

  std::unique_ptr<sandbox::PrivatePostgres> server_;
  std::unique_ptr<TcpProxy> proxy_;
  std::atomic<int> name_{0};
};

INSTANTIATE_TEST_SUITE_P(Freezings, PostgresFrozenTest,
                         ::testing::Values(Freezing::kServer,
                                           Freezing::kNetwork),
                         [](const auto& instance) {
                           return instance.param == Freezing::kServer
                                      ? "Server"
                                      : "Network";
                         });

// One caller, over and over: how long its longest call took, and how many ended
// how.
struct Caller {
  std::string name;
  std::function<absl::Status()> call;
  absl::Duration longest;
  std::atomic<int> ended{0};
  std::atomic<int> failed{0};
  absl::Status odd;  // An error that a frozen server is no reason for.

  void Run(const std::atomic<bool>& is_over) {
    while (!is_over) {
      const absl::Time began = absl::Now();
      const absl::Status status = call();
      longest = std::max(longest, absl::Now() - began);
      if (!status.ok()) ++failed;
      if (!status.ok() && !absl::IsUnavailable(status) &&
          !absl::IsDeadlineExceeded(status) && !IsInDoubt(status)) {
        odd = status;
      }
      ++ended;
    }
  }
};

TEST_P(PostgresFrozenTest, EveryCallEndsInTime) {
  std::vector<std::unique_ptr<Caller>> callers;
  for (const auto& [name, call] : Calls()) {
    for (int i = 0; i < 4; ++i) {
      callers.push_back(std::make_unique<Caller>());
      callers.back()->name = name;
      callers.back()->call = call;
    }
  }
  std::atomic<bool> is_over{false};
  std::vector<std::thread> threads;
  for (const auto& caller : callers) {
    threads.emplace_back([&] { caller->Run(is_over); });
  }
  const auto await_calls = [&](int more) {
    std::vector<int> goals;
    for (const auto& caller : callers) goals.push_back(caller->ended + more);
    for (std::size_t i = 0; i < callers.size(); ++i) {
      while (callers[i]->ended < goals[i]) {
        absl::SleepFor(absl::Milliseconds(1));
      }
    }
  };
  await_calls(2);
  Freeze();
  await_calls(3);  // Those under way, and two that began afterwards.
  Thaw();
  await_calls(2);
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  for (const auto& caller : callers) {
    EXPECT_LT(caller->longest, kCallMax) << caller->name;
    EXPECT_THAT(caller->odd, IsOk()) << caller->name;
    EXPECT_EQ(caller->failed > 0, caller->name != "wait") << caller->name;
    EXPECT_THAT(caller->call(), IsOk()) << caller->name;
  }
}

TEST_P(PostgresFrozenTest, NothingAcknowledgedIsLostAndNothingIsThereTwice) {
  std::atomic<bool> is_over{false};
  std::atomic<std::int64_t> acknowledged{0};
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      const std::string stream_id = absl::StrCat("s-", t);
      for (std::int64_t version = 0; !is_over; ++version, ++acknowledged) {
        // Any version will do, so that only the ids tell a repeat.
        const AppendRequest request = Request(stream_id);
        Backoff backoff({absl::Milliseconds(1), absl::Milliseconds(20)});
        while (true) {
          const auto result = store().Append(request);
          if (result.ok()) {
            ASSERT_EQ(result->version, version + 1);
            break;
          }
          absl::SleepFor(backoff.Next());
        }
      }
    });
  }
  for (int freeze = 0; freeze < 3; ++freeze) {
    const std::int64_t before = acknowledged;
    while (acknowledged < before + 50) std::this_thread::yield();
    Freeze();
    // Long enough for calls to be given up and begun again.
    EXPECT_FALSE(store().Head().ok());
    EXPECT_FALSE(store().Append(Request("t-1")).ok());
    Thaw();
  }
  is_over = true;
  for (std::thread& writer : writers) writer.join();
  std::int64_t versions = 0;
  for (int t = 0; t < 4; ++t) {
    versions += store().GetStream(absl::StrCat("s-", t))->version;
  }
  EXPECT_EQ(versions, acknowledged);
}

TEST_P(PostgresFrozenTest, SubscriptionsGoOnWhereTheyWere) {
  std::atomic<std::int64_t> seen{0};
  Append("s-1", 10);
  auto subscription = Subscribe(store(), {}, [&](const RecordedEvent&) {
    ++seen;
    return absl::OkStatus();
  });
  while (seen < 10) std::this_thread::yield();
  Freeze();
  EXPECT_FALSE(store().Append(Request("s-1")).ok());
  Thaw();
  const AppendRequest request = Request("s-2", ExpectedVersion::Any(), 5);
  while (!store().Append(request).ok()) std::this_thread::yield();
  const auto all = static_cast<std::int64_t>(LogOf(store()).size());
  while (seen < all) std::this_thread::yield();
  EXPECT_EQ(seen, all);
}

TEST_P(PostgresFrozenTest, ClosingEndsSoonEvenWithAnAppendUnderWay) {
  for (const auto& [name, call] : Calls()) {
    ASSERT_THAT(call(), IsOk()) << name;
  }
  PostgresEventStoreOptions options = Options();
  options.call_timeout = absl::Minutes(10);
  options.connect_timeout = absl::Minutes(10);
  auto patient = Open(options);
  ASSERT_THAT(patient->Append(Request("s-1")), IsOk());
  Freeze();
  absl::StatusOr<AppendResult> result;
  std::thread appending([&] { result = patient->Append(Request("s-1")); });
  // Sent: the server has not read it, or has not answered.
  absl::SleepFor(absl::Milliseconds(100));
  const absl::Time began = absl::Now();
  patient.reset();
  CloseStore();
  EXPECT_LT(absl::Now() - began, kCloseMax);
  appending.join();
  EXPECT_TRUE(IsInDoubt(result.status())) << result.status();
}

TEST_P(PostgresFrozenTest, OpeningEndsInTime) {
  Freeze();
  const absl::Time began = absl::Now();
  EXPECT_FALSE(OpenPostgresEventStore(Options()).ok());
  EXPECT_LT(absl::Now() - began, kCallMax);
}

}  // namespace
}  // namespace stele::testing
