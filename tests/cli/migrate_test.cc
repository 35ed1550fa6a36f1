#include "absl/strings/str_cat.h"
#include "cli_fixture.h"
#include "stele/eventstore/postgres_event_store.h"
#include "tests/support/postgres_role.h"

namespace stele::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MigrateTest : public CliTest {
 protected:
  bool SchemaExists() {
    return Query(absl::StrCat("SELECT 1 FROM pg_namespace WHERE nspname = '",
                              schema_, "'")) == "1";
  }
};

TEST_F(MigrateTest, MakesAStoreAndHasNothingToDoASecondTime) {
  const Answer first = Json({"migrate"});
  EXPECT_EQ(first.exit, 0) << first.out;
  EXPECT_EQ(At(first.Data(), "/0/component"), "eventstore");
  EXPECT_EQ(At(first.Data(), "/0/from"), 0);
  EXPECT_GT(At(first.Data(), "/0/to").as_int64(), 0);
  EXPECT_EQ(first.Data().as_array().size(), 4u);
  const Answer second = Stele({"migrate"});
  EXPECT_EQ(second.exit, 0);
  EXPECT_THAT(second.out, AllOf(HasSubstr("is up to date"),
                                HasSubstr("eventstore"), HasSubstr("sagas")));
  EXPECT_EQ(Stele({"consumers", "list"}).exit, 0);
}

TEST_F(MigrateTest, ADryRunChangesNothing) {
  const Answer dry = Stele({"migrate", "--dry-run"});
  EXPECT_EQ(dry.exit, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("nothing was changed"));
  EXPECT_FALSE(SchemaExists());
}

TEST_F(MigrateTest, RefusesADatabaseThatIsNewer) {
  Migrate();
  Query(absl::StrCat(
      "INSERT INTO ", schema_,
      ".schema_migrations SELECT (jsonb_populate_record(m, '{\"number\": "
      "999}')).* FROM ",
      schema_, ".schema_migrations m WHERE component = 'eventstore' LIMIT 1"));
  for (const std::vector<std::string>& call :
       std::vector<std::vector<std::string>>{{"migrate"},
                                             {"consumers", "list"}}) {
    const Answer answer = Json(call);
    EXPECT_EQ(answer.exit, 4) << answer.out;
    EXPECT_EQ(answer.Json()["status"], "refused");
    EXPECT_THAT(answer.Diagnostics(), HasSubstr("newer"));
  }
}

TEST_F(MigrateTest, RefusesAnyComponentThatIsNotAsItKnowsIt) {
  const std::string table = schema_ + ".schema_migrations";
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"INSERT INTO " + table + " VALUES ('sagas', 2, '0002_new', 'ff')",
       "newer than this program: it has migration 2 (0002_new) of sagas"},
      {"UPDATE " + table + " SET checksum = 'ff' WHERE component = 'outbox'",
       "of outbox differs"},
      {"DELETE FROM " + table + " WHERE component = 'sagas'",
       "it has 0 of 1 migrations of sagas"},
      {"INSERT INTO " + table + " VALUES ('projections', 2, '0002_new', 'ff')",
       "of projections"},
  };
  for (const auto& [change, what] : changes) {
    Query("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
    Migrate();
    Query(change);
    for (const std::vector<std::string>& call :
         std::vector<std::vector<std::string>>{{"consumers", "list"},
                                               {"streams", "show", "x-1"}}) {
      const Answer answer = Json(call);
      EXPECT_EQ(answer.exit, 4) << answer.out;
      EXPECT_THAT(answer.Diagnostics(), HasSubstr(what));
    }
  }
}

TEST_F(MigrateTest, SaysWhatIsInTheWayOfAStore) {
  Query("CREATE SCHEMA " + schema_);
  Query("CREATE TABLE " + schema_ + ".events (guest text)");
  const Answer answer = Json({"migrate"});
  EXPECT_EQ(answer.exit, 4) << answer.out;
  EXPECT_THAT(answer.Diagnostics(),
              AllOf(HasSubstr("events"), HasSubstr("already exists"),
                    HasSubstr("choose another schema")));
}

TEST_F(MigrateTest, TellsAReadOnlyDatabaseFromAStandby) {
  const Answer answer =
      RunStele({"migrate", "--schema", schema_, "-o", "json"},
               {"STELE_DATABASE_URL=" + Dsn() +
                " options='-c default_transaction_read_only=on'"});
  EXPECT_EQ(answer.exit, 4) << answer.out;
  EXPECT_THAT(answer.Diagnostics(),
              AllOf(HasSubstr("default_transaction_read_only"),
                    Not(HasSubstr("standby"))));
}

TEST_F(MigrateTest, OtherCommandsSayThatTheStoreIsMissing) {
  const Answer answer = Stele({"consumers", "list"});
  EXPECT_EQ(answer.exit, 4);
  EXPECT_THAT(answer.err, HasSubstr("stele migrate --schema " + schema_));
}

TEST_F(MigrateTest, NamesTheServiceOfAStoreAnew) {
  Migrate();
  const auto open_as = [&](const std::string& service) {
    return OpenPostgresEventStore(
               {.dsn = Dsn(), .schema = schema_, .service = service})
        .status();
  };
  ASSERT_THAT(open_as("shop"), IsOk());
  // The commands are for whatever service it is.
  EXPECT_EQ(Stele({"consumers", "list"}).exit, 0);
  EXPECT_EQ(Stele({"migrate"}).exit, 0);
  EXPECT_EQ(Stele({"migrate", "--service", "store", "--dry-run"}).exit, 2);
  ASSERT_THAT(open_as("shop"), IsOk());
  const Answer renamed = Stele({"migrate", "--service", "store"});
  EXPECT_EQ(renamed.exit, 0) << renamed.err;
  EXPECT_THAT(renamed.out, HasSubstr("service store"));
  EXPECT_THAT(open_as("store"), IsOk());
  EXPECT_THAT(open_as("shop"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(MigrateTest, ARoleWithoutRightsIsRefusedAndToldWhatWouldHelp) {
  const PostgresRole role;
  const auto as_role = [&](std::vector<std::string> call) {
    call.insert(call.end(), {"--schema", schema_});
    return RunStele(call, {"STELE_DATABASE_URL=" + role.Dsn()});
  };
  const Answer no_schema = as_role({"migrate"});
  EXPECT_EQ(no_schema.exit, 4);
  EXPECT_THAT(no_schema.err, AllOf(HasSubstr(role.name()), HasSubstr("42501"),
                                   HasSubstr("AUTHORIZATION")));
  EXPECT_FALSE(SchemaExists());
  Migrate();
  for (const std::vector<std::string>& call :
       std::vector<std::vector<std::string>>{{"migrate"},
                                             {"consumers", "list"}}) {
    const Answer denied = as_role(call);
    EXPECT_EQ(denied.exit, 4) << denied.err;
    EXPECT_THAT(denied.err, AllOf(HasSubstr(role.name()), HasSubstr("42501"),
                                  HasSubstr("GRANT"), Not(HasSubstr("()"))));
  }
}

TEST_F(MigrateTest, RefusesHostileSchemaNames) {
  for (const std::string schema :
       {"a; DROP TABLE x", "\"", "Ünder", "", "information_schema",
        "Information_Schema"}) {
    const Answer answer =
        RunStele({"migrate", "--schema", schema, "-o", "json"},
                 {"STELE_DATABASE_URL=" + Dsn()});
    EXPECT_EQ(answer.exit, 2) << schema << answer.out;
    EXPECT_EQ(answer.Json()["status"], "usage");
  }
}

}  // namespace
}  // namespace stele::testing
