#include <algorithm>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/runtime/migrate.h"
#include "tests/model/bank_sql_rules.h"
#include "tests/runtime/runtime_suite.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

std::shared_ptr<EventStore> Open(const std::string& schema,
                                 const std::string& name = "stele") {
  auto store = OpenPostgresEventStore(
      {.dsn = PostgresEnv::Dsn(), .schema = schema, .application_name = name});
  EXPECT_THAT(store, IsOk());
  return *std::move(store);
}

std::string Migrated() {
  std::string schema = PostgresEnv::FreshSchema();
  EXPECT_THAT(MigrateAll(PostgresEnv::Dsn(), schema), IsOk());
  return schema;
}

std::shared_ptr<EventStore> FreshStore() { return Open(Migrated()); }

INSTANTIATE_TEST_SUITE_P(Postgres, RuntimeSuite,
                         ::testing::Values(&FreshStore));

int KillBackends(const std::string& name) {
  pqxx::connection connection(PostgresEnv::Dsn());
  pqxx::nontransaction work(connection);
  return static_cast<int>(
      work.exec_params("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                       "WHERE application_name = $1 AND pid <> "
                       "pg_backend_pid()",
                       name)
          .size());
}

TEST(PostgresRuntimeTest, GoesOnAfterAllItsConnectionsWereKilled) {
  auto store = Open(Migrated(), "victim");
  Runtime runtime(store, {.service = "bank", .consumer_slots = 4});
  runtime.Add<bank::AccountDecider>().Add<bank::Balances>();
  runtime.Add<bank::Transfers>().Add<bank::Turnover>();
  ASSERT_THAT(runtime.Start(), IsOk());
  OpenAccounts(runtime);
  for (int round = 1; round <= 3; ++round) {
    EXPECT_GT(KillBackends("victim"), 0);
    bank::AccountClient accounts(runtime);
    const DispatchOptions once = {.command_id = RandomIds().Next()};
    Await("a deposit", [&] {
      return accounts.Deposit({.account_id = "ada", .amount_cents = 100}, once)
          .ok();
    });
    Await("its row",
          [&] { return BalanceOf(runtime, "ada") == 100 + round * 100; });
  }
  Await("readiness", [&] { return runtime.Ready().ok(); });
  ASSERT_THAT(runtime.Stop(), IsOk());
  EXPECT_TRUE(AllLeasesAreFree(*store));
}

TEST(PostgresRuntimeTest, ProjectionsHaveTheirOwnOptions) {
  const std::string schema = Migrated();
  const std::string views = schema + "_rows";
  Runtime runtime(Open(schema),
                  {.service = "bank", .projections = {.read_schema = views}});
  runtime.Add<bank::AccountDecider>();
  runtime.Add<bank::Balances>(ProjectionRun::kInline);
  ASSERT_THAT(runtime.Start(), IsOk());
  OpenAccounts(runtime);
  EXPECT_EQ(BalanceOf(runtime, "ada"), 100);
  pqxx::connection connection(PostgresEnv::Dsn());
  pqxx::nontransaction work(connection);
  EXPECT_EQ(work.exec("SELECT count(*) FROM " + views + ".account_balance")
                .at(0)
                .at(0)
                .as<int>(),
            2);
}

TEST(PostgresRuntimeTest, TwoProcessesShareTheWork) {
  const std::string schema = Migrated();
  const auto start = [&] {
    auto runtime = std::make_unique<Runtime>(
        Open(schema), RuntimeOptions{.service = "bank", .consumer_slots = 4});
    runtime->Add<bank::AccountDecider>().Add<bank::Balances>();
    runtime->Add<bank::Transfers>();
    EXPECT_THAT(runtime->Start(), IsOk());
    return runtime;
  };
  auto one = start();
  auto two = start();
  auto store = Open(schema);
  Await("two owners of every consumer", [&] {
    const auto consumers = store->consumers().List();
    if (!consumers.ok() || consumers->size() < 2) return false;
    for (const ConsumerStatus& consumer : *consumers) {
      std::set<std::string> owners;
      for (const SlotStatus& slot : consumer.slots) owners.insert(slot.owner);
      if (owners.size() != 2 || owners.contains("")) return false;
    }
    return true;
  });
  OpenAccounts(*one);
  Await("rows", [&] { return BalanceOf(*two, "ada") == 100; });
  ASSERT_THAT(one->Stop(), IsOk());
  bank::AccountClient accounts(*two);
  const auto paid = accounts.Deposit({.account_id = "bob", .amount_cents = 5});
  EXPECT_THAT(two->WaitFor<bank::AccountBalance>(*paid, absl::Minutes(1)),
              IsOk());
}

// A saga of an older release, which has no rule for what is withdrawn, reads
// the log first. So does its relay, which has a route less.
TEST(PostgresRuntimeTest, AnOlderReleaseLeavesNewEventTypesToTheNewer) {
  const std::string schema = Migrated();
  const std::shared_ptr<InMemoryBroker> broker = MakeInMemoryBroker();
  const auto start = [&](SagaType saga, const RelayRoutes& routes) {
    auto runtime = std::make_unique<Runtime>(
        Open(schema), RuntimeOptions{.service = "bank", .consumer_slots = 4});
    runtime->Add<bank::AccountDecider>().Add<bank::Balances>();
    runtime->AddSaga(std::move(saga)).RelayTo(broker, routes);
    EXPECT_THAT(runtime->Start(), IsOk());
    return runtime;
  };
  const auto is_working = [&](Runtime& runtime) {
    const boost::json::object workers =
        StatusOf(runtime)["workers"].as_object();
    return std::all_of(workers.begin(), workers.end(), [](const auto& worker) {
      const boost::json::value* slots =
          worker.value().as_object().if_contains("slots_held");
      return slots != nullptr && *slots == 4;
    });
  };
  SagaType old_saga = MakeSagaType<bank::Transfers>();
  ASSERT_EQ(old_saga.events.erase("bank.Withdrawn"), 1u);
  RelayRoutes routes;
  routes.AddTo<bank::AccountOpened>("accounts");
  auto old_one = start(std::move(old_saga), routes);
  Await("the old release", [&] { return is_working(*old_one); });
  routes.AddTo<bank::Withdrawn>("withdrawals");
  auto new_one = start(MakeSagaType<bank::Transfers>(), routes);

  OpenAccounts(*new_one);
  ASSERT_THAT(
      bank::AccountClient(*new_one).RequestTransfer({.account_id = "ada",
                                                     .transfer_id = "t1",
                                                     .to_account_id = "bob",
                                                     .amount_cents = 30}),
      IsOk());
  Await("the money", [&] { return BalanceOf(*new_one, "bob") == 30; });
  Await("the message",
        [&] { return broker->MessagesOf("withdrawals").size() == 1; });
  Await("the old release's reason", [&] {
    return old_one->StatusJson().find("does not know: bank.Withdrawn") !=
           std::string::npos;
  });
  ASSERT_THAT(new_one->Stop(), IsOk());
  Await("the old release again", [&] { return is_working(*old_one); });
}

}  // namespace
}  // namespace stele::testing
