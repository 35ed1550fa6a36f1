// Processes that run sagas are killed, lose their connections or are frozen at
// every step of a saga's life. Whoever comes after them brings every saga to
// its end, and no command takes effect twice (P7).
//
// SAGA_KILL_ROUNDS and SAGA_KILL_SEED make it longer, or the same again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/status.h"
#include "stele/envelope.pb.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/runtime/migrate.h"
#include "stele/sagas/saga_admin.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/supervised_process.h"
#include "stele/testing/status_matchers.h"
#include "tests/chaos/saga_kill_points.h"
#include "tests/model/bank_rules.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

using Child = std::unique_ptr<sandbox::SupervisedProcess>;
using Story = std::vector<std::string>;  // What was done, in log order.

std::int64_t FromEnvironment(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  std::int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number
                                                            : otherwise;
}

// What one transfer is to come to.
struct Expected {
  Story story;
  SagaStatus status = SagaStatus::kCompleted;
  int timers = 0;
};

class SagaKillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(MigrateAll(PostgresEnv::Dsn(), schema_), IsOk());
    store_ =
        OpenPostgresEventStore({.dsn = PostgresEnv::Dsn(), .schema = schema_})
            .value();
    storage_ = OpenSagaStorage(*store_).value();
    dispatcher_ = MakeDispatcher(*store_, {.conflict_retries_max = 100});
    ASSERT_THAT(dispatcher_->Add(MakeAggregateType<bank::AccountDecider>()),
                IsOk());
    folder_ = sandbox::PrivateFolder::Create().value();
    for (const char* account : {"ada", "bob"}) {
      Send(bank::MakeOpenAccount({.account_id = account}));
    }
    Send(bank::MakeDeposit({.account_id = "ada", .amount_cents = 1'000'000}));
  }
  void TearDown() override {
    if (!HasFailure() || folder_ == nullptr) return;
    std::ifstream log(folder_->path() + "/children.log");
    std::cerr << std::string(std::istreambuf_iterator<char>(log), {});
  }

  void Send(const google::protobuf::Message& command) {
    EXPECT_THAT(dispatcher_->Dispatch(command), IsOk());
  }

  // One transfer of each kind, the first one asked for twice.
  void Request() {
    const Story paid = {"Withdrawn account-ada", "Deposited account-bob"};
    const Story refunded = {"Withdrawn account-ada", "Refunded account-ada"};
    RequestOne("bob", 10, 0, {paid});
    RequestOne("bob", 10, 0, {paid});
    RequestOne("bob", 10, 1, {paid, SagaStatus::kCompleted, 1});
    RequestOne("nobody", 10, 0, {refunded, SagaStatus::kCompensated});
    RequestOne("nobody", 10, 1, {refunded, SagaStatus::kCompensated, 1});
    RequestOne("bob", 100'000'000, 0, {});
    RequestAgain(expected_.begin()->first);
  }
  void RequestOne(const std::string& to, std::int64_t cents,
                  std::int64_t settle_after_seconds, Expected expected) {
    const std::string id = absl::StrCat("t", ++transfers_);
    Send(bank::MakeRequestTransfer(
        {.account_id = "ada",
         .transfer_id = id,
         .to_account_id = to,
         .amount_cents = cents,
         .settle_after_seconds = settle_after_seconds}));
    expected_[id] = std::move(expected);
  }
  void RequestAgain(const std::string& id) {
    Send(bank::MakeRequestTransfer({.account_id = "ada",
                                    .transfer_id = id,
                                    .to_account_id = "bob",
                                    .amount_cents = 10}));
  }

  Child Start(const std::string& fail_at = "", const std::string& how = "") {
    owner_ = absl::StrCat("child-", ++children_);
    EXPECT_EQ(mkdir(ChildFolder().c_str(), 0700), 0);
    return sandbox::SupervisedProcess::Start(
               {.argv = {STELE_SAGA_CHILD, PostgresEnv::Dsn(), schema_, owner_},
                .env = {"STELE_FAIL_AT=" + fail_at, "STELE_FAIL_HOW=" + how,
                        "STELE_FAIL_FOLDER=" + ChildFolder()},
                .log_file = folder_->path() + "/children.log",
                .folder = folder_.get()})
        .value();
  }

  // Waits until `holds`, and fails the test if it does not in half a minute.
  bool Await(const std::string& what, const std::function<bool()>& holds) {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (!holds()) {
      if (absl::Now() > deadline) {
        ADD_FAILURE() << "never came: " << what;
        return false;
      }
      absl::SleepFor(absl::Milliseconds(5));
    }
    return true;
  }
  // Of the child started last: where it says that it stands still.
  std::string ChildFolder() const {
    return absl::StrCat(folder_->path(), "/", owner_);
  }

  // ---- The three ways to die at `fail_at` -----------------------------------

  void KillProcess(const std::string& fail_at) {
    const Child child = Start(fail_at, "die");
    const auto ended = child->Wait(absl::Seconds(30));
    EXPECT_TRUE(ended.has_value() && ended->signal == SIGKILL)
        << "it never came to " << fail_at;
  }

  // The process stays, and stops in good order afterwards.
  void KillConnections(const std::string& fail_at) {
    const Child child = Start(fail_at, "pause");
    if (!AwaitPause(*child, ChildFolder(), fail_at)) return;
    pqxx::connection connection(PostgresEnv::Dsn());
    pqxx::nontransaction work(connection);
    work.exec_params(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = $1",
        owner_);
    LetGoOn(ChildFolder());
    EXPECT_TRUE(child->Stop().ok());
  }

  // Another takes over meanwhile; then the first wakes up and goes on, late.
  void Freeze(const std::string& fail_at) {
    const Child frozen = Start(fail_at, "pause");
    const std::string frozen_folder = ChildFolder();
    if (!AwaitPause(*frozen, frozen_folder, fail_at)) return;
    // What a transaction that stands still has locked stays locked.
    const bool holds_locks = fail_at.find("_written") != std::string::npos ||
                             fail_at.find("_taken") != std::string::npos ||
                             fail_at.find("_appended:") != std::string::npos;
    const Child other = Start();
    if (!holds_locks || fail_at.starts_with("command")) AwaitEnds();
    LetGoOn(frozen_folder);
    AwaitEnds();
    EXPECT_TRUE(frozen->Stop().ok());
    EXPECT_TRUE(other->Stop().ok());
  }

  bool AwaitPause(sandbox::SupervisedProcess& child, const std::string& folder,
                  const std::string& fail_at) {
    const std::string paused = folder + "/paused";
    return Await(absl::StrCat("the pause at ", fail_at), [&] {
      return access(paused.c_str(), F_OK) == 0 || !child.IsRunning();
    });
  }
  static void LetGoOn(const std::string& folder) {
    std::ofstream(folder + "/go") << "go\n";
  }

  // ---- What came of it ------------------------------------------------------

  void AwaitEnds() {
    Await("the end of every saga", [&] {
      const auto counts = storage_->Count();
      if (!counts.ok()) return false;
      std::int64_t ended = 0;
      for (const SagaRowCount& count : *counts) {
        if (count.status == SagaStatus::kCompleted ||
            count.status == SagaStatus::kCompensated) {
          ended += count.instances;
        }
      }
      return ended == static_cast<std::int64_t>(expected_.size());
    });
  }

  // What was done for each transfer; nothing that is in the log twice.
  std::map<std::string, Story> ReadStories() {
    std::map<std::string, Story> stories;
    std::set<std::pair<std::string, std::string>> commands;
    EXPECT_THAT(store_->ReadLog(
                    {.limit = 1'000'000, .categories = {"account"}},
                    [&](RecordedEvent event) {
                      const EventMetadata metadata =
                          ParseMetadata(event.metadata).value();
                      // Every command of this model writes one event.
                      EXPECT_TRUE(commands
                                      .emplace(event.stream_id,
                                               metadata.command_id.ToString())
                                      .second)
                          << "a command took effect twice on "
                          << event.stream_id;
                      const std::string id = TransferOf(event);
                      if (id.empty()) return absl::OkStatus();
                      stories[id].push_back(absl::StrCat(
                          event.type.substr(event.type.find('.') + 1), " ",
                          event.stream_id));
                      return absl::OkStatus();
                    }),
                IsOk());
    return stories;
  }
  static std::string TransferOf(const RecordedEvent& event) {
    const auto id_in = [&](auto message) {
      EXPECT_TRUE(message.ParseFromString(event.payload));
      return message.transfer_id();
    };
    if (event.type == "bank.Withdrawn") return id_in(bank::Withdrawn());
    if (event.type == "bank.Deposited") return id_in(bank::Deposited());
    if (event.type == "bank.Refunded") return id_in(bank::Refunded());
    return "";
  }

  // How often timers ran out for the instance; its steps count on from one.
  int CheckStream(const std::string& id) {
    int timers = 0;
    std::int64_t step = 0;
    EXPECT_THAT(store_->ReadStream({.stream_id = "saga_Transfer-" + id},
                                   [&](RecordedEvent event) {
                                     if (event.type == "stele.SagaStepped") {
                                       SagaStepped stepped;
                                       stepped.ParseFromString(event.payload);
                                       EXPECT_EQ(stepped.step(), ++step) << id;
                                       return absl::OkStatus();
                                     }
                                     SagaTimerElapsed elapsed;
                                     elapsed.ParseFromString(event.payload);
                                     EXPECT_GE(
                                         absl::ToUnixMicros(event.recorded_at),
                                         elapsed.timer().due_at_micros());
                                     ++timers;
                                     return absl::OkStatus();
                                   }),
                IsOk());
    return timers;
  }

  void CheckEverything() {
    std::map<std::string, Story> stories = ReadStories();
    for (const auto& [id, expected] : expected_) {
      EXPECT_EQ(stories[id], expected.story) << id;
      EXPECT_EQ(CheckStream(id), expected.timers) << id;
      const auto row = storage_->Find("Transfer", id);
      ASSERT_THAT(row, IsOk());
      ASSERT_TRUE(row->has_value()) << id;
      EXPECT_EQ((*row)->status, expected.status) << id;
      EXPECT_EQ((*row)->timers, 0) << id;
      EXPECT_EQ((*row)->undos, 0) << id;
    }
    for (const auto& [id, story] : stories) EXPECT_TRUE(expected_.contains(id));
    SagaAdmin admin(*store_, *storage_);
    EXPECT_THAT(admin.List({.status = SagaStatus::kParked}),
                IsOkAndHolds(::testing::IsEmpty()));
    std::vector<int> slots(8);
    for (int i = 0; i < 8; ++i) slots[i] = i;
    const auto due = storage_->ReadDue("Transfer", slots, 10);
    ASSERT_THAT(due, IsOk());
    EXPECT_TRUE(due->timers.empty());
  }

  const std::string schema_ = PostgresEnv::FreshSchema();
  std::unique_ptr<EventStore> store_;
  std::shared_ptr<SagaStorage> storage_;
  std::unique_ptr<AggregateDispatcher> dispatcher_;
  std::unique_ptr<sandbox::PrivateFolder> folder_;
  std::map<std::string, Expected> expected_;
  std::string owner_;  // Of the child started last.
  int transfers_ = 0;
  int children_ = 0;
};

TEST_F(SagaKillTest, EverySagaEndsAndNoCommandTakesEffectTwice) {
  const auto seed = static_cast<std::uint32_t>(
      FromEnvironment("SAGA_KILL_SEED", std::random_device()()));
  const std::int64_t rounds = FromEnvironment("SAGA_KILL_ROUNDS", 1);
  std::cout << "SAGA_KILL_SEED=" << seed << " SAGA_KILL_ROUNDS=" << rounds
            << std::endl;
  std::mt19937 random(seed);
  for (std::int64_t round = 0; round < rounds && !HasFailure(); ++round) {
    std::vector<std::string> points = SagaKillPoints();
    std::shuffle(points.begin(), points.end(), random);
    for (std::size_t i = 0; i < points.size() && !HasFailure(); ++i) {
      Request();
      // Timers that run out together are taken up together.
      const int hit = points[i].starts_with("timer")
                          ? 1
                          : 1 + static_cast<int>(random() % 2);
      const std::string at = absl::StrCat(points[i], ":", hit);
      SCOPED_TRACE(at);
      // Each point kills; a few in each round also meet another fate.
      KillProcess(at);
      if (i % 5 == 1) {
        Request();
        KillConnections(at);
      }
      if (i % 7 == 2) {
        Request();
        Freeze(at);
      }
    }
    RequestAgain(expected_.begin()->first);  // Long since ended, mostly.
    const Child last = Start();
    AwaitEnds();
    RequestAgain(expected_.rbegin()->first);
    EXPECT_TRUE(last->Stop().ok());
    CheckEverything();
  }
}

}  // namespace
}  // namespace stele::testing
