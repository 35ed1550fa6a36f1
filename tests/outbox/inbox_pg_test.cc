#include <pqxx/transaction_base>

#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/outbox/migrations.h"
#include "stele/postgres/migrator.h"
#include "tests/outbox/inbox_suite.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

std::unique_ptr<EventStore> MakePostgres() {
  PostgresEventStoreOptions options;
  options.dsn = PostgresEnv::Dsn();
  options.schema = PostgresEnv::FreshSchema();
  const std::vector<postgres::MigrationSet> sets = {EventStoreMigrations(),
                                                    OutboxMigrations()};
  EXPECT_THAT(postgres::Migrate(options.dsn, options.schema, sets), IsOk());
  return OpenPostgresEventStore(options).value();
}

// How often the lease of the inbox has changed hands.
std::int64_t LeaseEpoch(EventStore& store) {
  return store.consumers().List().value().front().slots.front().epoch;
}

TEST_P(InboxTest, AMessageHandledForLongerThanTheLeaseStaysWithItsInbox) {
  InboxOptions options = Options();
  options.lease = absl::Milliseconds(300);
  // Between its tries no transaction keeps others from the lease.
  options.retry = {2 * options.lease, 2 * options.lease};
  absl::Notification begun;
  absl::Notification go_on;
  std::atomic<int> tries = 0;
  const auto first = MakeInbox(options);
  first->On<Happened>([&](Transaction&, const Inbound<Happened>&) {
    if (++tries == 3) return absl::OkStatus();
    if (!begun.HasBeenNotified()) begun.Notify();
    go_on.WaitForNotification();
    return absl::InternalError("try again");
  });
  std::atomic<int> tries_of_second = 0;
  const auto second = MakeInbox(options, "two");
  second->On<Happened>([&](Transaction&, const Inbound<Happened>&) {
    ++tries_of_second;
    return absl::OkStatus();
  });
  Running running_first(*first);
  ASSERT_TRUE(Eventually([&] { return first->Activity().is_leader; }));
  Publish({HappenedMessage("a-1", "1")});
  begun.WaitForNotification();
  const absl::Time expired = absl::Now() + 3 * options.lease;
  Running running_second(*second);
  ASSERT_TRUE(Eventually([&] { return absl::Now() > expired; }));
  go_on.Notify();

  ASSERT_TRUE(Eventually([&] {
    return first->Activity().handled + second->Activity().handled == 1;
  }));
  EXPECT_EQ(first->Activity().handled, 1);
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(tries_of_second, 0);
  EXPECT_EQ(LeaseEpoch(*store_), 1);
  EXPECT_THAT(Parked(), SizeIs(0));
}

TEST_P(InboxTest, AHandlerThatHangsLosesTheLease) {
  InboxOptions options = Options();
  options.lease = absl::Milliseconds(200);
  options.handle_time_max = absl::Milliseconds(300);
  absl::Notification go_on;
  const auto inbox = MakeInbox(options);
  inbox->On<Happened>([&](Transaction&, const Inbound<Happened>&) {
    go_on.WaitForNotification();
    return absl::OkStatus();
  });
  Publish({HappenedMessage("a-1", "1")});
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return inbox->Activity().is_stuck; }));
  EXPECT_THAT(inbox->Activity().last_error,
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  ASSERT_TRUE(Eventually([&] {
    return store_->consumers().List().value().front().slots.front().owner == "";
  }));

  go_on.Notify();  // Nobody has taken it meanwhile.
  ASSERT_TRUE(Eventually([&] { return inbox->Activity().handled == 1; }));
  ASSERT_TRUE(Eventually([&] { return !inbox->Activity().is_stuck; }));
}

// Has all that is parked for `key` hold bytes that are no message.
void SpoilParked(EventStore& store, const std::string& key) {
  EXPECT_THAT(store.Transact([&](Transaction& tx) {
    tx.sql()->exec_params("UPDATE " + tx.schema() +
                              ".inbox_parked SET message = '\\xffffff'"
                              " WHERE key = $1",
                          key);
    return absl::OkStatus();
  }),
              IsOk());
}

TEST_P(InboxTest, AParkedMessageThatCannotBeReadBackHoldsOnlyItsOwnKey) {
  SetPoison("poison");
  Publish({HappenedMessage("a-1", "poison"), HappenedMessage("a-1", "a2"),
           HappenedMessage("b-1", "poison"), HappenedMessage("b-1", "b2")});
  {
    const auto inbox = MakeJournalInbox(Options());
    Running running(*inbox);
    ASSERT_TRUE(Eventually([&] { return Parked().size() == 4; }));
    EXPECT_THAT(running.Stop(), IsOk());
  }
  SpoilParked(*store_, "a-1");
  SetPoison("");
  Publish({HappenedMessage("c-1", "c1")});
  const auto inbox = MakeJournalInbox(Options());
  Running running(*inbox);
  ASSERT_TRUE(Eventually([&] { return journal_.size() == 3; }));
  EXPECT_THAT(journal_.entries(), UnorderedElementsAre("poison", "b2", "c1"));

  // It is told, waits for an operator, and may be tried or dropped.
  const auto is_told = [&] {
    const std::vector<ParkedMessage> parked = Parked();
    return parked.size() == 2 &&
           parked[0].cause.find("cannot be read back") != std::string::npos &&
           parked[0].next_try == absl::InfiniteFuture();
  };
  ASSERT_TRUE(Eventually(is_told));
  EXPECT_THAT(Parked()[0].read_error, StatusIs(absl::StatusCode::kDataLoss));
  const int tries = Parked()[0].tries;
  EXPECT_THAT(storage_->Retry("tests", Parked()[0].id), IsOk());
  ASSERT_TRUE(Eventually([&] { return Parked()[0].tries == tries + 1; }));
  ASSERT_TRUE(Eventually(is_told));
  for (const ParkedMessage& parked : Parked())
    EXPECT_THAT(storage_->Discard("tests", parked.id), IsOk());
  EXPECT_THAT(Parked(), SizeIs(0));
  EXPECT_FALSE(running.has_ended());
}

INSTANTIATE_TEST_SUITE_P(Postgres, InboxTest, ::testing::Values(&MakePostgres));

}  // namespace
}  // namespace stele::testing
