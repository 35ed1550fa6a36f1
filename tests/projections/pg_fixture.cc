#include "pg_fixture.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/postgres/migrator.h"
#include "stele/projections/migrations.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {

Process::Process(EventStore& store, std::vector<ProjectionSetup> setups,
                 ProjectionsOptions options) {
  auto made = Projections::Create(store, std::move(setups), std::move(options));
  status_ = made.status();
  if (made.ok()) projections_ = *std::move(made);
}

Process::~Process() { Stop(); }

void Process::Run() {
  thread_ = std::jthread(
      [this](std::stop_token stop) { result_ = projections_->Run(stop); });
}

void Process::Stop() {
  thread_.request_stop();
  Join();
}

void Process::Join() {
  if (thread_.joinable()) thread_.join();
}

PgTest::PgTest() : schema_(PostgresEnv::FreshSchema()) {
  const postgres::MigrationSet sets[] = {EventStoreMigrations(),
                                         ProjectionMigrations()};
  const auto migrated = postgres::Migrate(PostgresEnv::Dsn(), schema_, sets);
  EXPECT_THAT(migrated, IsOk());
  store_ = OpenStore();
  connection_ = std::make_unique<pqxx::connection>(PostgresEnv::Dsn());
  auto admin = ProjectionAdmin::Create(*store_);
  EXPECT_THAT(admin, IsOk());
  if (admin.ok()) admin_ = *std::move(admin);
}

std::unique_ptr<EventStore> PgTest::OpenStore() {
  PostgresEventStoreOptions options;
  options.dsn = PostgresEnv::Dsn();
  options.schema = schema_;
  auto store = OpenPostgresEventStore(options);
  EXPECT_THAT(store, IsOk());
  return store.ok() ? *std::move(store) : nullptr;
}

const std::string& PgTest::PostgresDsn() { return PostgresEnv::Dsn(); }

ProjectionsOptions PgTest::FastOptions(std::string process) {
  ProjectionsOptions options;
  options.process = std::move(process);
  options.poll = absl::Milliseconds(50);
  options.lease = absl::Seconds(3);
  options.slots = 4;
  options.tries_before_parking = 2;
  options.park_backoff = {absl::Milliseconds(20), absl::Milliseconds(100)};
  return options;
}

std::unique_ptr<Process> PgTest::StartProcess(
    ProjectionType type, std::string name, bool is_inline,
    std::function<void(ProjectionsOptions&)> adjust) {
  ProjectionsOptions options = FastOptions(std::move(name));
  if (adjust) adjust(options);
  std::vector<ProjectionSetup> setups;
  setups.push_back({std::move(type), is_inline});
  auto process = std::make_unique<Process>(*store_, std::move(setups), options);
  EXPECT_THAT(process->status(), IsOk());
  if (process->status().ok()) process->Run();
  return process;
}

std::string PgTest::Query(const std::string& sql) {
  pqxx::nontransaction work(*connection_);
  const pqxx::result rows = work.exec(sql);
  return rows.empty() ? "" : rows[0][0].as<std::string>("");
}

void PgTest::Execute(const std::string& sql) {
  pqxx::nontransaction work(*connection_);
  work.exec(sql);
}

std::string PgTest::Rows(const std::string& table, const std::string& columns) {
  return Query(
      absl::StrCat("SELECT string_agg(r::text, E'\\n' ORDER BY "
                   "r::text) FROM (SELECT ",
                   columns, " FROM ", table, ") r"));
}

void PgTest::Await(const std::string& what,
                   const std::function<bool()>& holds) {
  const absl::Time deadline = Soon();
  while (!holds()) {
    ASSERT_LT(absl::Now(), deadline) << "never came: " << what;
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }
}

void PgTest::AwaitActive(const std::string& projection, int version) {
  Await(absl::StrCat("version ", version, " of ", projection),
        [&] { return StatusOf(projection).active.version == version; });
}

ProjectionStatus PgTest::StatusOf(const std::string& projection) {
  auto status = admin_->Status(projection);
  EXPECT_THAT(status, IsOk());
  return status.ok() ? *std::move(status) : ProjectionStatus();
}

std::string PgTest::ActiveConsumer(const std::string& projection) {
  return StatusOf(projection).active.consumer;
}

}  // namespace stele::testing
