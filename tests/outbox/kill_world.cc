#include "tests/outbox/kill_world.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <pqxx/pqxx>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/outbox/brokers/nats.h"
#include "stele/outbox/migrations.h"
#include "stele/postgres/migrator.h"
#include "stele/testing/status_matchers.h"
#include "tests/outbox/support.h"

namespace stele::testing {
namespace {

constexpr int kStreams = 7;

std::size_t SizeOf(const Ledger& ledger) {
  std::size_t size = 0;
  for (const auto& [key, values] : ledger) size += values.size();
  return size;
}

}  // namespace

std::unique_ptr<sandbox::PrivatePostgres> KillWorld::postgres_;
std::unique_ptr<sandbox::PrivateNats> KillWorld::nats_;

void KillWorld::SetUpTestSuite() {
  postgres_ = sandbox::PrivatePostgres::Start({.durable = false}).value();
  nats_ = sandbox::PrivateNats::Start().value();
}

void KillWorld::TearDownTestSuite() {
  nats_ = nullptr;
  postgres_ = nullptr;
}

void KillWorld::SetUp() {
  static int tests = 0;
  schema_ = absl::StrCat("kill_", getpid(), "_", ++tests);
  const std::vector<postgres::MigrationSet> sets = {EventStoreMigrations(),
                                                    OutboxMigrations()};
  ASSERT_THAT(postgres::Migrate(postgres_->dsn(), schema_, sets), IsOk());
  pqxx::connection connection(postgres_->dsn());
  pqxx::work work(connection);
  work.exec(absl::StrCat("CREATE TABLE ", schema_,
                         ".effects (id bigserial PRIMARY KEY, key text, what "
                         "text)"));
  work.commit();
  PostgresEventStoreOptions options;
  options.dsn = postgres_->dsn();
  options.schema = schema_;
  store_ = OpenPostgresEventStore(options).value();
  folder_ = sandbox::PrivateFolder::Create().value();
}

void KillWorld::TearDown() {
  if (!HasFailure() || folder_ == nullptr) return;
  std::ifstream log(folder_->path() + "/children.log");
  std::string line;
  while (std::getline(log, line)) std::fprintf(stderr, "%s\n", line.c_str());
}

void KillWorld::Append(int count) {
  for (int i = 0; i < count; ++i) {
    AppendRequest request;
    request.stream_id = absl::StrCat("thing-", appended_ % kStreams);
    const std::string what = absl::StrCat(appended_++);
    request.events = {HappenedEvent(what)};
    // The same ids until there is an answer: it is written once.
    absl::Status status;
    ASSERT_TRUE(Eventually([&] {
      status = store_->Append(request).status();
      return status.ok();
    })) << status;
    expected_[request.stream_id].push_back(what);
  }
}

std::unique_ptr<sandbox::SupervisedProcess> KillWorld::Start(
    const std::string& mode, const std::string& fail_at,
    const std::string& fail_how) {
  sandbox::ProcessOptions options;
  options.argv = {STELE_OUTBOX_CHILD,
                  mode,
                  postgres_->dsn(),
                  schema_,
                  nats_->url(),
                  schema_,
                  absl::StrCat(mode, "-", ++children_)};
  options.env = {"STELE_FAIL_AT=" + fail_at, "STELE_FAIL_HOW=" + fail_how,
                 "STELE_FAIL_FOLDER=" + folder_->path()};
  options.log_file = folder_->path() + "/children.log";
  options.folder = folder_.get();
  return sandbox::SupervisedProcess::Start(std::move(options)).value();
}

bool KillWorld::AwaitPaused(sandbox::SupervisedProcess& child) {
  const std::string paused = folder_->path() + "/paused";
  return Eventually([&] {
           return access(paused.c_str(), F_OK) == 0 || !child.IsRunning();
         }) &&
         child.IsRunning();
}

void KillWorld::LetGoOn() { std::ofstream(folder_->path() + "/go") << "go\n"; }

void KillWorld::KillBroker() {
  ASSERT_THAT(nats_->Kill9(), IsOk());
  ASSERT_THAT(nats_->Restart(), IsOk());
}

void KillWorld::KillDatabase() {
  ASSERT_THAT(postgres_->Kill9(), IsOk());
  ASSERT_THAT(postgres_->Restart(), IsOk());
}

std::unique_ptr<Broker> KillWorld::MakeBroker() const {
  NatsOptions options;
  options.url = nats_->url();
  options.stream = schema_;
  options.subject_prefix = schema_;
  options.ack_wait = absl::Seconds(1);
  return MakeNatsBroker(options).value();
}

Ledger KillWorld::ReadBroker() {
  Ledger ledger;
  repeated_ = 0;
  std::map<std::string, std::string> body_of;  // By message id.
  const std::unique_ptr<Broker> broker = MakeBroker();
  std::unique_ptr<BrokerConsumer> consumer;
  EXPECT_TRUE(Eventually([&] {
    if (consumer == nullptr) {
      auto opened = broker->OpenConsumer({"test"}, "witness");
      if (!opened.ok()) return false;
      consumer = *std::move(opened);
    }
    auto fetched = consumer->Fetch(100, absl::Milliseconds(100));
    if (!fetched.ok()) return false;
    for (std::size_t i = 0; i < fetched->size(); ++i) {
      const BrokerMessage& message = (*fetched)[i];
      EXPECT_THAT(consumer->Settle(i, Disposition::kAck), IsOk());
      const auto [seen, is_first] = body_of.emplace(message.id, message.body);
      EXPECT_EQ(seen->second, message.body);
      if (!is_first) {
        ++repeated_;
        continue;
      }
      Happened happened;
      EXPECT_TRUE(happened.ParseFromString(message.body));
      ledger[message.key].push_back(happened.value());
    }
    return SizeOf(ledger) >= SizeOf(expected_);
  })) << "the broker has "
      << SizeOf(ledger) << " of " << SizeOf(expected_);
  return ledger;
}

Ledger KillWorld::ReadEffects() {
  Ledger ledger;
  EXPECT_TRUE(Eventually([&] {
    ledger.clear();
    pqxx::connection connection(postgres_->dsn());
    pqxx::work work(connection);
    for (const pqxx::row& row : work.exec(absl::StrCat(
             "SELECT key, what FROM ", schema_, ".effects ORDER BY id")))
      ledger[row[0].as<std::string>()].push_back(row[1].as<std::string>());
    return SizeOf(ledger) >= SizeOf(expected_);
  })) << "there are "
      << SizeOf(ledger) << " effects of " << SizeOf(expected_);
  return ledger;
}

}  // namespace stele::testing
