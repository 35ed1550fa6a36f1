#include "eventstore/src/postgres/head.h"

#include "tests/eventstore/postgres_fixture.h"

// Promise P3: a reader of the log sees every committed event once, in order,
// without holes, and nobody else's work delays it.
namespace stele::testing {
namespace {

using postgres_store::Head;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(HeadTest, StopsAtTheLeastFloor) {
  Head head;
  EXPECT_EQ(head.Bound(100, {}), 100);
  EXPECT_EQ(head.Bound(100, {97, 42, 99}), 42);
  head.MoveTo(42);
  EXPECT_EQ(head.position(), 42);
  EXPECT_EQ(head.Bound(100, {97}), 97);
}

TEST(HeadTest, MayBeBeyondTheFloorOfWhoHasNoPositionYet) {
  Head head;
  head.MoveTo(100);
  head.Committed({101, 102, 103});
  EXPECT_EQ(head.position(), 103);
  EXPECT_EQ(head.Bound(200, {100}), 100);
}

TEST(HeadTest, CarriesOnOverRunsWithoutAHole) {
  Head head;
  head.Committed({3, 4});
  EXPECT_EQ(head.position(), 0);  // Nothing is known of 1 and 2 yet.
  head.MoveTo(0);
  EXPECT_EQ(head.position(), 0);
  head.Committed({6, 7});
  head.Committed({1, 2});
  EXPECT_EQ(head.position(), 4);
  head.Committed({5});
  EXPECT_EQ(head.position(), 7);
}

TEST(HeadTest, FloorsOutliveTheirHigherBits) {
  constexpr std::int64_t kTurn = std::int64_t{1} << 32;
  Head fresh;
  EXPECT_EQ(fresh.Bound(kTurn + 5, {0xFFFFFFFE}), kTurn - 2);
  EXPECT_EQ(fresh.Bound(3 * kTurn + 5, {3}), 3 * kTurn + 3);
  Head head;
  head.MoveTo(kTurn - 10);
  EXPECT_EQ(head.Bound(kTurn + 50, {20}), kTurn + 20);
  EXPECT_EQ(head.Bound(kTurn + 50, {0xFFFFFFF0}), kTurn - 16);
}

class PostgresHeadTest : public PostgresStoreTest {};

TEST_F(PostgresHeadTest, NeverPassesAnAppendInFlight) {
  const std::int64_t before = Append("s-1");
  auto in_flight = BeginAppend("s-2");
  const std::int64_t after = Append("s-3");
  EXPECT_EQ(Head(), before);
  EXPECT_THAT(LogOf(store()), ElementsAre("s-1"));
  in_flight->Commit();
  EXPECT_EQ(Head(), after);
  EXPECT_THAT(LogOf(store()), ElementsAre("s-1", "s-2", "s-3"));
}

TEST_F(PostgresHeadTest, NeverPassesTheFirstAppendEver) {
  auto in_flight = BeginAppend("s-1");
  const std::int64_t after = Append("s-2");
  EXPECT_EQ(Head(), 0);
  EXPECT_THAT(LogOf(store()), IsEmpty());
  in_flight->Commit();
  EXPECT_EQ(Head(), after);
  EXPECT_THAT(LogOf(store()), ElementsAre("s-1", "s-2"));
}

TEST_F(PostgresHeadTest, WaitsForWhoHoldsAFloorButNoPositionYet) {
  Append("s-1");
  pqxx::connection connection(Dsn());
  pqxx::work tx(connection);
  tx.exec(
      Sql("SELECT pg_advisory_xact_lock_shared("
          "'{s}.positions'::regclass::oid::integer, 1)"));
  // Ours follow without a hole, so they are safe to read ...
  const std::int64_t dense = Append("s-2");
  EXPECT_EQ(Head(), dense);
  // ... but the next position is not ours.
  tx.exec(Sql("SELECT nextval('{s}.positions')"));
  const std::int64_t after = Append("s-3");
  EXPECT_EQ(Head(), dense);
  auto other = Open();
  EXPECT_EQ(HeadOf(*other), 1);
  tx.abort();
  EXPECT_EQ(Head(), after);
  EXPECT_EQ(HeadOf(*other), after);
}

TEST_F(PostgresHeadTest, PassesHolesOfRolledBackAppendsAtOnce) {
  Append("s-1");
  auto in_flight = BeginAppend("s-2");
  const std::int64_t after = Append("s-3");
  in_flight->Rollback();
  EXPECT_EQ(Head(), after);
  EXPECT_THAT(LogOf(store()), ElementsAre("s-1", "s-3"));
}

TEST_F(PostgresHeadTest, WaitsForAPreparedTransaction) {
  const std::int64_t before = Append("s-1");
  {
    auto in_flight = BeginAppend("s-2");
    in_flight->tx().exec(Sql("PREPARE TRANSACTION '{s}'"));
    in_flight->Rollback();  // Of nothing: it is the server's now.
  }
  const std::int64_t after = Append("s-3");
  EXPECT_EQ(Head(), before);
  pqxx::connection connection(Dsn());
  pqxx::nontransaction tx(connection);
  tx.exec(Sql("COMMIT PREPARED '{s}'"));
  EXPECT_EQ(Head(), after);
  EXPECT_THAT(LogOf(store()), ElementsAre("s-1", "s-2", "s-3"));
}

TEST_F(PostgresHeadTest, IsNotDelayedByUnrelatedWork) {
  Append("s-1");
  pqxx::connection writer(Dsn());
  pqxx::work writing(writer);
  writing.exec(Sql("CREATE TABLE {s}.unrelated AS SELECT 1"));
  pqxx::connection reader(Dsn());
  pqxx::work reading(reader);
  reading.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  reading.exec(Sql("SELECT count(*) FROM {s}.events"));
  const std::int64_t last = Append("s-2");
  EXPECT_EQ(Head(), last);
  auto other = Open();
  EXPECT_EQ(HeadOf(*other), last);
}

TEST_F(PostgresHeadTest, IsNotDelayedByAnotherStoreInTheDatabase) {
  const std::string other = PostgresEnv::FreshSchema();
  ASSERT_THAT(MigrateEventStore(Dsn(), other), IsOk());
  InFlightAppend in_flight(Dsn(), other, "s-1");
  Append("s-1");
  const std::int64_t last = Append("s-2", 3);
  EXPECT_EQ(Head(), last);
  auto second = Open();
  EXPECT_EQ(HeadOf(*second), last);
  in_flight.Rollback();
}

TEST_F(PostgresHeadTest, WakesOtherProcesses) {
  auto other = Open();
  for (int i = 0; i < 20; ++i) {
    const std::int64_t last = Append("s-1");
    EXPECT_THAT(other->WaitForHead(last - 1, absl::Now() + kPatience),
                IsOkAndHolds(::testing::Ge(last)));
  }
}

// Partitions cannot be made while somebody else changes the table: VACUUM,
// CREATE INDEX CONCURRENTLY and others take this lock, which lets appends be.
class PostgresRoomTest : public PostgresHeadTest {
 protected:
  // Long enough for waiting to be noticed.
  PostgresEventStoreOptions Options() override {
    PostgresEventStoreOptions options = PostgresHeadTest::Options();
    options.call_timeout = absl::Minutes(10);
    return options;
  }

  static constexpr char kLockTable[] =
      "LOCK TABLE ONLY {s}.events IN SHARE UPDATE EXCLUSIVE MODE";
  static constexpr char kLockStore[] = "SELECT FROM {s}.store FOR UPDATE";

  // Appends and reads with `room` positions left, while somebody holds what
  // making room needs; then sees to it that room is made.
  void AppendWithRoomFor(std::int64_t room, const std::string& lock) {
    Append("s-1");
    auto other = Open();
    HeadOf(*other);
    pqxx::connection connection(Dsn());
    pqxx::work tx(connection);
    tx.exec(Sql(lock));
    const std::int64_t end =
        std::stoll(AwaitRow("SELECT partitions_end FROM {s}.store"));
    tx.exec(Sql("SELECT setval('{s}.positions', " + std::to_string(end - room) +
                ")"));
    for (int i = 0; i < 3; ++i) {
      const std::int64_t last = Append("s-2", 2);
      EXPECT_THAT(store().WaitForHead(last - 1, absl::Now() + kPatience),
                  IsOkAndHolds(::testing::Ge(last)));
      EXPECT_THAT(other->WaitForHead(last - 1, absl::Now() + kPatience),
                  IsOkAndHolds(::testing::Ge(last)));
    }
    tx.commit();
    AwaitRow("SELECT 1 FROM {s}.store WHERE partitions_end > " +
             std::to_string(end));
  }
};

TEST_F(PostgresRoomTest, MakingRoomDelaysNobody) {
  AppendWithRoomFor(4'000'000, kLockTable);
  AppendWithRoomFor(4'000'000, kLockStore);
}

TEST_F(PostgresRoomTest, AnAppendDoesNotWaitForRoomWhileSomeIsLeft) {
  AppendWithRoomFor(900'000, kLockTable);
  AppendWithRoomFor(900'000, kLockStore);
}

TEST_F(PostgresHeadTest, DoesNotRunIntoAHoleAtTheEnd) {
  const std::int64_t before = Append("s-1");
  BeginAppend("s-2")->Rollback();
  EXPECT_EQ(Head(), before);
}

}  // namespace
}  // namespace stele::testing
