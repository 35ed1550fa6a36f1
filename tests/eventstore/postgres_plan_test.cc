#include "absl/strings/str_join.h"
#include "eventstore/src/postgres/statements.h"
#include "tests/eventstore/postgres_fixture.h"

// Plans that do not depend on how large tables were when a session met them.
namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class PostgresPlanTest : public PostgresStoreTest {
 protected:
  std::string Explain(const postgres::Statement& statement,
                      const std::string& arguments) {
    pqxx::connection connection(Dsn());
    pqxx::nontransaction tx(connection);
    tx.exec(postgres_store::kSteadyPlans);
    std::vector<std::string> types;
    for (const postgres::Type type : statement.types) {
      types.push_back(std::string(
          tx.exec1("SELECT " +
                   std::to_string(static_cast<std::uint32_t>(type)) +
                   "::regtype")[0]
              .c_str()));
    }
    tx.exec("PREPARE probe (" + absl::StrJoin(types, ", ") + ") AS " +
            statement.sql);
    std::string plan;
    for (const auto& row :
         tx.exec("EXPLAIN (COSTS OFF) EXECUTE probe (" + arguments + ")")) {
      plan += std::string(row[0].c_str()) + "\n";
    }
    return plan;
  }
};

TEST_F(PostgresPlanTest, StreamsAreReadByTheirIndexWithoutSorting) {
  const postgres_store::Statements statements(schema());
  const auto is_right =
      AllOf(HasSubstr("events_000000_stream"), Not(HasSubstr("Seq Scan")),
            Not(HasSubstr("Sort Key: events.position")),
            Not(HasSubstr("events_000001")));
  EXPECT_THAT(Explain(statements.read_forwards, "1, 1, 10, 1, 100, 1000"),
              is_right);
  EXPECT_THAT(Explain(statements.read_backwards, "1, 1, 10, 1, 100, 1000"),
              is_right);
}

TEST_F(PostgresPlanTest, TheLogIsReadByPositionWithoutSorting) {
  const postgres_store::Statements statements(schema());
  const auto is_right =
      AllOf(HasSubstr("events_000000_pkey"), Not(HasSubstr("Seq Scan")),
            Not(HasSubstr("Sort")), Not(HasSubstr("events_000001")));
  EXPECT_THAT(Explain(statements.read_log, "0, 100, 1000"), is_right);
  EXPECT_THAT(Explain(statements.read_log_categories, "0, 100, 1000, '{1}'"),
              is_right);
  EXPECT_THAT(Explain(statements.read_log_types, "0, 100, 1000, '{1}'"),
              is_right);
  EXPECT_THAT(Explain(statements.read_log_both, "0, 100, 1000, '{1}', '{1}'"),
              is_right);
  EXPECT_THAT(Explain(statements.last_rows, "0, 100, 1000"), is_right);
  EXPECT_THAT(Explain(statements.first_rows, "0, 100, 1000"), is_right);
}

TEST_F(PostgresPlanTest, NamesAreFoundByIndex) {
  const postgres_store::Statements statements(schema());
  const auto is_right =
      AllOf(HasSubstr("Index Scan"), Not(HasSubstr("Seq Scan")));
  EXPECT_THAT(Explain(statements.find_stream, "'s-1'"), is_right);
  EXPECT_THAT(Explain(statements.stream_names, "'{1,2}'"), is_right);
  EXPECT_THAT(Explain(statements.type_ids, "'{a}'"), is_right);
  EXPECT_THAT(Explain(statements.find_command, "'s-1', gen_random_uuid()"),
              is_right);
}

TEST_F(PostgresPlanTest, PartitionsAreMadeBeforeTheyAreNeeded) {
  pqxx::connection connection(Dsn());
  pqxx::nontransaction tx(connection);
  // Near the end of what there is: the append itself makes room.
  tx.exec(Sql("SELECT setval('{s}.positions', 19999995)"));
  const std::int64_t last = Append("s-1", 20);
  EXPECT_GT(last, 20'000'000);
  EXPECT_EQ(Head(), last);
  EXPECT_EQ(LogOf(store()).size(), 20u);
  EXPECT_EQ(AwaitRow("SELECT partitions_end >= 25000000 FROM {s}.store"), "t");
}

TEST_F(PostgresPlanTest, HeavyEventsAreReadInBoundedPages) {
  AppendRequest request = Request("s-1", ExpectedVersion::Any(), 30);
  for (NewEvent& event : request.events) event.payload.assign(900'000, 'x');
  ASSERT_THAT(store().Append(request), IsOk());
  EXPECT_EQ(LogOf(store()).size(), 30u);
  std::int64_t version = 0;
  EXPECT_THAT(store().ReadStream({.stream_id = "s-1"},
                                 [&](const RecordedEvent& event) {
                                   EXPECT_EQ(event.version, ++version);
                                   EXPECT_EQ(event.payload.size(), 900'000u);
                                   return absl::OkStatus();
                                 }),
              IsOk());
  EXPECT_EQ(version, 30);
}

}  // namespace
}  // namespace stele::testing
