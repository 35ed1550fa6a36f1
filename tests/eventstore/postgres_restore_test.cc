#include <cstdlib>
#include <fstream>
#include <mutex>

#include "stele/base/status.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/subscription.h"
#include "stele/eventstore/transaction.h"
#include "stele/sandbox/private_postgres.h"
#include "tests/eventstore/postgres_fixture.h"

// A log that goes back under a living process: by a restore, or by a failover
// to a server that lacks the last commits. What was lost is lost; but nothing
// is written or skipped on account of what the process remembers of it.
namespace stele::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PostgresRestoreTest : public PostgresStoreTest {
 protected:
  std::string Dsn() override {
    if (server_ == nullptr) {
      auto server = sandbox::PrivatePostgres::Start({.durable = false});
      EXPECT_THAT(server, IsOk());
      server_ = *std::move(server);
    }
    return server_->dsn();
  }
  void TearDown() override { CloseStore(); }

  static void Run(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  std::string Data() const { return server_->folder() + "/data"; }
  std::string Kept() const { return server_->folder() + "/kept"; }

  // Keeps what the server has now ...
  void Keep() {
    ASSERT_THAT(server_->Stop(), IsOk());
    Run("cp -a " + Data() + " " + Kept());
    ASSERT_THAT(server_->Restart(), IsOk());
  }
  // The same of a server whose transactions go on.
  void KeepRunning() {
    ASSERT_THAT(server_->Freeze(), IsOk());
    Run("cp -a " + Data() + " " + Kept());
    ASSERT_THAT(server_->Thaw(), IsOk());
  }
  // ... and makes it all that the server has.
  void Restore() {
    ASSERT_THAT(server_->Stop(), IsOk());
    Run("rm -rf " + Data());
    Run("cp -a " + Kept() + " " + Data());
    ASSERT_THAT(server_->Restart(), IsOk());
  }

  // What is kept takes over, as a standby does that is promoted: on a timeline
  // of its own.
  void FailOver() {
    Promote(Kept());
    Restore();
  }
  static void Promote(const std::string& data) {
    std::ofstream(data + "/recovery.signal").close();
    std::ofstream(data + "/postgresql.auto.conf", std::ios::app)
        << "restore_command = 'false'\n";
  }

  // Asks again until the store has found the server again.
  static std::int64_t AppendTo(EventStore& store, const std::string& stream_id,
                               const std::string& type) {
    AppendRequest request = Request(stream_id);
    request.events[0].type = type;
    const absl::Time deadline = absl::Now() + kPatience;
    while (true) {
      const auto result = store.Append(request);
      if (result.ok()) return result->position;
      if (!IsTransient(result.status()) || absl::Now() > deadline) {
        ADD_FAILURE() << result.status();
        return -1;
      }
    }
  }

  // The same within a transaction.
  static void TransactTo(EventStore& store, const std::string& stream_id,
                         const std::string& type) {
    std::vector<AppendRequest> requests = {Request(stream_id)};
    requests[0].events[0].type = type;
    absl::Status status;
    const absl::Time deadline = absl::Now() + kPatience;
    do {
      status = store.Transact(
          [&](Transaction& tx) { return tx.AppendAll(requests).status(); });
    } while (IsTransient(status) && absl::Now() < deadline);
    EXPECT_THAT(status, IsOk());
  }

  // "stream type" of each event.
  static std::vector<std::string> EventsOf(
      EventStore& store, std::vector<std::string> categories = {}) {
    std::vector<std::string> events;
    const auto read = [&] {
      events.clear();
      return store
          .ReadLog({.limit = 1'000'000, .categories = categories},
                   [&](const RecordedEvent& event) {
                     events.push_back(event.stream_id + " " + event.type);
                     return absl::OkStatus();
                   })
          .status();
    };
    const absl::Time deadline = absl::Now() + kPatience;
    absl::Status status = read();
    while (IsTransient(status) && absl::Now() < deadline) status = read();
    EXPECT_THAT(status, IsOk());
    return events;
  }

  std::unique_ptr<Subscription> SubscribeAll(SubscribeOptions options = {}) {
    return Subscribe(store(), std::move(options),
                     [this](const RecordedEvent& e) {
                       std::lock_guard lock(mutex_);
                       handled_.push_back(e.stream_id);
                       return absl::OkStatus();
                     });
  }
  static void AwaitPosition(const Subscription& subscription,
                            std::int64_t position) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (subscription.position() < position && absl::Now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_GE(subscription.position(), position);
  }
  static void AwaitEnd(const Subscription& subscription) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!subscription.has_ended() && absl::Now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(subscription.has_ended());
  }

  Uuid Epoch() { return store().Epoch().value_or(Uuid()); }

  std::unique_ptr<sandbox::PrivatePostgres> server_;
  std::mutex mutex_;
  std::vector<std::string> handled_;
};

TEST_F(PostgresRestoreTest, NothingIsWrittenUnderNumbersThatWereLost) {
  Append("s-1");
  Keep();
  AppendTo(store(), "lost-1", "test.Lost");
  TransactTo(store(), "loss-1", "test.Loss");
  EventsOf(store());
  Restore();
  // The numbers of the types, categories, streams and positions again.
  auto other = Open();
  AppendTo(*other, "other-1", "test.Other");
  AppendTo(*other, "mother-1", "test.Mother");
  AppendTo(*other, "mother-2", "test.Mother");

  AppendTo(store(), "lost-2", "test.Lost");
  TransactTo(store(), "loss-2", "test.Loss");
  auto reader = Open();
  const auto all = ElementsAre("s-1 test.Happened", "other-1 test.Other",
                               "mother-1 test.Mother", "mother-2 test.Mother",
                               "lost-2 test.Lost", "loss-2 test.Loss");
  EXPECT_THAT(EventsOf(*reader), all);
  EXPECT_THAT(EventsOf(store()), all);
  EXPECT_THAT(EventsOf(*reader, {"lost"}), ElementsAre("lost-2 test.Lost"));
  EXPECT_THAT(EventsOf(store(), {"loss"}), ElementsAre("loss-2 test.Loss"));
  EXPECT_EQ(store().GetStream("lost-1")->version, 0);
}

TEST_F(PostgresRestoreTest, ASubscriptionEndsThatHasSeenWhatWasLost) {
  Append("s-1");
  Keep();
  const Uuid before = Epoch();
  auto subscription = SubscribeAll();
  const std::int64_t lost = AppendTo(store(), "lost-1", "test.Lost");
  AwaitPosition(*subscription, lost);
  Restore();
  // Gives the position out again, and goes on.
  auto other = Open();
  EXPECT_EQ(AppendTo(*other, "other-1", "test.Other"), lost);
  AppendTo(*other, "other-2", "test.Other");
  AwaitEnd(*subscription);
  EXPECT_THAT(subscription->Stop(), StatusIs(absl::StatusCode::kDataLoss,
                                             HasSubstr("After a restore")));
  EXPECT_THAT(handled_, ElementsAre("s-1", "lost-1"));
  EXPECT_NE(Epoch(), before);
  // Known in the database, and to whoever opens it.
  EXPECT_EQ(AwaitRow("SELECT epoch FROM {s}.store"), Epoch().ToString());
  auto late = Open();
  EXPECT_THAT(late->Epoch(), IsOkAndHolds(Epoch()));
  // What was kept of the position is refused, for its epoch.
  subscription = SubscribeAll({.after_position = lost, .epoch = before});
  AwaitEnd(*subscription);
  EXPECT_THAT(subscription->Stop(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(handled_.size(), 2u);
}

// Remembers what it has handled for good.
class Collector final : public BatchHandler {
 public:
  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) override {
    return event.stream_id;
  }
  absl::Status Handle(std::span<const KeyedEvent> batch,
                      CommitBatch commit) override {
    STELE_RETURN_IF_ERROR(
        commit([](Transaction&) { return absl::OkStatus(); }));
    std::lock_guard lock(mutex_);
    for (const KeyedEvent& keyed : batch) handled_.push_back(keyed.key);
    return absl::OkStatus();
  }
  std::vector<std::string> handled() {
    std::lock_guard lock(mutex_);
    return handled_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> handled_;
};

TEST_F(PostgresRestoreTest, AConsumerBeginsAnewAtItsStoredCheckpoints) {
  Collector collector;
  const auto consumer = Consumer::Create(
      store(), collector,
      {.name = "test", .slots = 1, .tick = absl::Milliseconds(10)}, "me");
  ASSERT_THAT(consumer, IsOk());
  Append("s-1");
  absl::Status result;
  std::thread running([&] { result = (*consumer)->Run(); });
  const auto await_handled = [&](std::size_t count) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (collector.handled().size() < count && absl::Now() < deadline) {
      std::this_thread::yield();
    }
  };
  await_handled(1);
  Keep();
  AppendTo(store(), "lost-1", "test.Lost");
  AppendTo(store(), "lost-2", "test.Lost");
  await_handled(3);
  Restore();
  auto other = Open();
  AppendTo(*other, "other-1", "test.Other");
  AppendTo(*other, "other-2", "test.Other");
  await_handled(5);
  (*consumer)->Stop();
  running.join();
  EXPECT_THAT(result, IsOk());
  EXPECT_THAT(collector.handled(),
              ElementsAre("s-1", "lost-1", "lost-2", "other-1", "other-2"));
}

TEST_F(PostgresRestoreTest, ACheckpointBeyondTheLogStopsItsConsumer) {
  const std::int64_t last = Append("s-1");
  Collector collector;
  const auto consumer =
      Consumer::Create(store(), collector, {.name = "test", .slots = 2}, "me");
  ASSERT_THAT(consumer, IsOk());
  ASSERT_THAT(store().consumers().Register("test", 2, 0), IsOk());
  AwaitRow("UPDATE {s}.checkpoints SET position = " + std::to_string(last + 1) +
           " WHERE slot = 1 RETURNING slot");
  EXPECT_THAT((*consumer)->Run(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(PostgresRestoreTest, WhoWaitsForTheHeadIsTold) {
  Append("s-1");
  Keep();
  const std::int64_t lost = AppendTo(store(), "lost-1", "test.Lost");
  absl::StatusOr<std::int64_t> head;
  ASSERT_THAT(store().WaitForHead(lost - 1, absl::Now() + kPatience), IsOk());
  std::thread waiting(
      [&] { head = store().WaitForHead(lost, absl::Now() + kPatience); });
  Restore();
  waiting.join();
  EXPECT_THAT(head, StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(PostgresRestoreTest, ACrashOfTheServerEndsNothing) {
  const Uuid before = Epoch();
  auto subscription = SubscribeAll();
  AwaitPosition(*subscription, Append("s-1"));
  ASSERT_THAT(server_->Kill9(), IsOk());
  ASSERT_THAT(server_->Restart(), IsOk());
  AwaitPosition(*subscription, AppendTo(store(), "s-2", "test.After"));
  EXPECT_FALSE(subscription->has_ended());
  EXPECT_THAT(subscription->Stop(), IsOk());
  EXPECT_THAT(handled_, ElementsAre("s-1", "s-2"));
  EXPECT_EQ(Epoch(), before);
}

TEST_F(PostgresRestoreTest, APromotionThatLostNothingEndsNothing) {
  const Uuid before = Epoch();
  auto subscription = SubscribeAll();
  AwaitPosition(*subscription, Append("s-1"));
  ASSERT_THAT(server_->Kill9(), IsOk());
  Promote(Data());
  ASSERT_THAT(server_->Restart(), IsOk());
  AwaitPosition(*subscription, AppendTo(store(), "s-2", "test.After"));
  EXPECT_EQ(
      AwaitRow("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 8, 1)"),
      "2");
  EXPECT_THAT(subscription->Stop(), IsOk());
  EXPECT_THAT(handled_, ElementsAre("s-1", "s-2"));
  EXPECT_EQ(Epoch(), before);
}

TEST_F(PostgresRestoreTest, ALostEventIsNoticedAlthoughALaterOneIsThere) {
  const Uuid before = Epoch();
  auto subscription = SubscribeAll();
  auto late = BeginAppend("late-1");
  const std::int64_t last = Append("s-1");
  KeepRunning();
  late->Commit();
  AwaitPosition(*subscription, last);
  FailOver();
  // Gives the version out again, and goes on behind the event that is there.
  auto other = Open();
  EXPECT_GT(AppendTo(*other, "late-1", "test.Other"), last);
  AwaitEnd(*subscription);
  EXPECT_THAT(subscription->Stop(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(handled_, ElementsAre("late-1", "s-1"));
  EXPECT_NE(Epoch(), before);
  EXPECT_THAT(EventsOf(store()),
              ElementsAre("s-1 test.Happened", "late-1 test.Other"));
}

TEST_F(PostgresRestoreTest, ALostTransactionIsNoticedAlthoughALaterOneIsThere) {
  const Uuid before = Epoch();
  auto subscription = SubscribeAll();
  std::int64_t last = 0;
  const auto append_late = [&](Transaction& tx) {
    const std::vector<AppendRequest> requests = {Request("late-1")};
    STELE_RETURN_IF_ERROR(tx.AppendAll(requests).status());
    std::thread([&] { last = Append("s-1"); }).join();
    KeepRunning();
    return absl::OkStatus();
  };
  EXPECT_THAT(store().Transact(append_late), IsOk());
  AwaitPosition(*subscription, last);
  FailOver();
  AwaitEnd(*subscription);
  EXPECT_THAT(subscription->Stop(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_NE(Epoch(), before);
}

TEST_F(PostgresRestoreTest, AFailoverThatLostNothingSeenEndsNothing) {
  const Uuid before = Epoch();
  auto subscription = SubscribeAll();
  auto late = BeginAppend("late-1");
  Append("s-1");
  KeepRunning();
  late->Rollback();
  AwaitPosition(*subscription, Head());
  FailOver();
  AwaitPosition(*subscription, AppendTo(store(), "s-2", "test.After"));
  EXPECT_THAT(subscription->Stop(), IsOk());
  EXPECT_THAT(handled_, ElementsAre("s-1", "s-2"));
  EXPECT_EQ(Epoch(), before);
}

TEST_F(PostgresRestoreTest, ATombstoneIsNotSetBeforeTheLossIsNoticed) {
  const Uuid before = Epoch();
  Append("s-1");
  Keep();
  AppendTo(store(), "lost-1", "test.Lost");
  Restore();
  const absl::Time deadline = absl::Now() + kPatience;
  absl::Status status;
  do {
    status = store().Tombstone("s-1", ExpectedVersion::Any());
  } while (IsTransient(status) && absl::Now() < deadline);
  EXPECT_THAT(status, IsOk());
  EXPECT_NE(Epoch(), before);
}

TEST_F(PostgresRestoreTest, AnOperatorCanSayThatTheLogWentBack) {
  const Uuid before = Epoch();
  auto subscription = SubscribeAll();
  AwaitPosition(*subscription, Append("s-1"));
  const std::string now = AwaitRow("SELECT {s}.change_epoch()");
  AwaitEnd(*subscription);
  EXPECT_THAT(subscription->Stop(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(Epoch().ToString(), now);
  EXPECT_NE(Epoch(), before);
  // Everything else goes on.
  AppendTo(store(), "s-2", "test.After");
  TransactTo(store(), "s-3", "test.After");
  EXPECT_THAT(
      EventsOf(store()),
      ElementsAre("s-1 test.Happened", "s-2 test.After", "s-3 test.After"));
}

}  // namespace
}  // namespace stele::testing
