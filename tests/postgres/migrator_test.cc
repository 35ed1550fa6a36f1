#include "stele/postgres/migrator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <pqxx/pqxx>
#include <thread>

#include "stele/postgres/errors.h"
#include "stele/testing/status_matchers.h"
#include "tests/support/postgres_env.h"
#include "tests/support/postgres_role.h"

namespace stele::postgres {
namespace {

using ::stele::testing::IsOk;
using ::stele::testing::PostgresEnv;
using ::stele::testing::PostgresRole;
using ::stele::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MigratorTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<ComponentVersion>> Run(
      const std::vector<MigrationSet>& sets, bool dry_run = false) {
    return Migrate(PostgresEnv::Dsn(), schema_, sets, dry_run);
  }
  absl::Status Check(const std::vector<MigrationSet>& sets) {
    return CheckMigrated({.dsn = PostgresEnv::Dsn()}, schema_, sets);
  }
  std::string Value(const std::string& sql) {
    pqxx::connection connection(PostgresEnv::Dsn());
    pqxx::nontransaction tx(connection);
    tx.exec("SET search_path = " + schema_);
    return tx.exec1(sql)[0].c_str();
  }
  static void Do(const std::string& sql) {
    pqxx::connection connection(PostgresEnv::Dsn());
    pqxx::nontransaction(connection).exec(sql);
  }

  const std::string schema_ = PostgresEnv::FreshSchema();
  const MigrationSet books_ = {
      "books",
      {{1, "0001_books", "CREATE TABLE {schema}.books (id int)"},
       {2, "0002_more",
        "INSERT INTO books VALUES (1); "
        "INSERT INTO {schema}.books VALUES (2)"}}};
  const MigrationSet loans_ = {
      "loans", {{1, "0001_loans", "CREATE TABLE loans (book int)"}}};
};

TEST_F(MigratorTest, AppliesEachMigrationOnce) {
  const auto first = Run({books_, loans_});
  ASSERT_THAT(first, IsOk());
  ASSERT_EQ(first->size(), 2u);
  EXPECT_EQ((*first)[0].component, "books");
  EXPECT_EQ((*first)[0].from, 0);
  EXPECT_EQ((*first)[0].to, 2);
  const auto second = Run({books_, loans_});
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ((*second)[0].from, 2);
  EXPECT_EQ((*second)[0].to, 2);
  EXPECT_EQ(Value("SELECT count(*) FROM books"), "2");
  EXPECT_THAT(Check({books_, loans_}), IsOk());
}

TEST_F(MigratorTest, SeveralAtOnceApplyThemOnce) {
  std::atomic<int> from_nothing{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      const auto versions = Run({books_});
      ASSERT_THAT(versions, IsOk());
      if (versions->front().from == 0) ++from_nothing;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(from_nothing, 1);
  EXPECT_EQ(Value("SELECT count(*) FROM books"), "2");
}

TEST_F(MigratorTest, ADryRunChangesNothing) {
  const auto versions = Run({books_}, /*dry_run=*/true);
  ASSERT_THAT(versions, IsOk());
  EXPECT_EQ(versions->front().to, 2);
  EXPECT_THAT(Check({books_}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                        HasSubstr("stele migrate")));
}

TEST_F(MigratorTest, AChangedMigrationIsRefused) {
  ASSERT_THAT(Run({books_}), IsOk());
  MigrationSet changed = books_;
  changed.migrations[1].sql = "SELECT 1";
  EXPECT_THAT(Run({changed}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("0002_more")));
  EXPECT_THAT(Check({changed}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(MigratorTest, ANewerDatabaseIsRefused) {
  ASSERT_THAT(Run({books_}), IsOk());
  MigrationSet older = books_;
  older.migrations.pop_back();
  EXPECT_THAT(Run({older}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     HasSubstr("newer than this program")));
}

TEST_F(MigratorTest, AFailedMigrationLeavesNothing) {
  MigrationSet broken = books_;
  broken.migrations.push_back({3, "0003_broken", "CREATE TABEL x ()"});
  EXPECT_THAT(Run({broken}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("0003_broken")));
  EXPECT_EQ(Value("SELECT to_regclass('" + schema_ + ".books') IS NULL"), "t");
  EXPECT_THAT(Run({books_}), IsOk());
}

TEST_F(MigratorTest, ARoleThatMayMakeNoSchemaIsToldWhatWould) {
  const PostgresRole role;
  EXPECT_THAT(Migrate(role.Dsn(), schema_, std::vector<MigrationSet>{books_}),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("(42501)"), Not(HasSubstr("()")),
                             HasSubstr("\"" + role.name() + "\""),
                             HasSubstr("\"" + schema_ + "\""),
                             HasSubstr("AUTHORIZATION"))));
}

TEST_F(MigratorTest, ARoleWithoutRightsIsToldWhoseTheSchemaIs) {
  ASSERT_THAT(Run({books_}), IsOk());
  const std::string owner = Value("SELECT current_user");
  const PostgresRole role;
  const auto says_whose =
      AllOf(HasSubstr("(42501)"), HasSubstr("\"" + schema_ + "\""),
            HasSubstr("GRANT \"" + owner + "\" TO \"" + role.name() + "\""));
  const std::vector<MigrationSet> sets = {books_};
  EXPECT_THAT(Migrate(role.Dsn(), schema_, sets),
              StatusIs(absl::StatusCode::kPermissionDenied, says_whose));
  EXPECT_THAT(CheckMigrated({.dsn = role.Dsn()}, schema_, sets),
              StatusIs(absl::StatusCode::kPermissionDenied, says_whose));
  // Also where a right is missing only in the midst of it.
  Do("GRANT USAGE ON SCHEMA " + schema_ + " TO " + role.name());
  Do("GRANT SELECT ON ALL TABLES IN SCHEMA " + schema_ + " TO " + role.name());
  EXPECT_THAT(CheckMigrated({.dsn = role.Dsn()}, schema_, sets), IsOk());
  std::vector<MigrationSet> newer = sets;
  newer[0].migrations.push_back({3, "0003_other", "CREATE TABLE other ()"});
  EXPECT_THAT(Migrate(role.Dsn(), schema_, newer),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("0003_other"), HasSubstr("(42501)"))));
}

TEST_F(MigratorTest, AMemberOfTheOwnerMayMigrate) {
  const PostgresRole owner;
  const PostgresRole member;
  Do("CREATE SCHEMA " + schema_ + " AUTHORIZATION " + owner.name());
  const std::vector<MigrationSet> sets = {books_};
  ASSERT_THAT(Migrate(owner.Dsn(), schema_, sets), IsOk());
  EXPECT_THAT(Migrate(member.Dsn(), schema_, sets),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("GRANT \"" + owner.name() + "\"")));
  Do("GRANT " + owner.name() + " TO " + member.name());
  EXPECT_THAT(Migrate(member.Dsn(), schema_, sets), IsOk());
}

TEST_F(MigratorTest, TheAdviceNamesTheSchema) {
  EXPECT_EQ(MigrateAdvice("stele"), "run `stele migrate`");
  EXPECT_EQ(MigrateAdvice("orders"), "run `stele migrate --schema orders`");
  EXPECT_THAT(Check({books_}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("stele migrate --schema " + schema_ + "`")));
}

// libpqxx has classes for some errors, and not all of them keep the code.
TEST_F(MigratorTest, ErrorsMeanTheSameWhicheverWayTheyCome) {
  pqxx::connection connection(PostgresEnv::Dsn());
  for (const std::string sqlstate :
       {"08006", "0A000", "22000", "22021", "22P02", "23000", "23001", "23502",
        "23503", "23505", "23514", "23P01", "24000", "25006", "25P02", "26000",
        "34000", "3F000", "40001", "40P01", "42501", "42601", "42703", "42883",
        "42P01", "53000", "53100", "53200", "53300", "55000", "55P03", "57014",
        "57P03", "P0001", "P0002", "P0003", "XX001", "XX002"}) {
    const absl::Status status = CatchingAll("testing", [&] {
      pqxx::nontransaction tx(connection);
      tx.exec("DO $$ BEGIN RAISE EXCEPTION 'words' USING ERRCODE = '" +
              sqlstate + "'; END $$");
      return absl::OkStatus();
    });
    const absl::Status expected =
        StatusFromSqlstate("testing", sqlstate, "words");
    EXPECT_EQ(status.code(), expected.code()) << sqlstate << " " << status;
    EXPECT_EQ(IsRolledBack(status), IsRolledBack(expected)) << sqlstate;
    EXPECT_THAT(status.message(), Not(HasSubstr("()"))) << sqlstate;
    if (sqlstate == "08006") continue;  // A broken connection; no code known.
    EXPECT_THAT(status.message(), HasSubstr("(" + sqlstate + ")"));
  }
}

TEST_F(MigratorTest, AHostileSchemaNameIsRefused) {
  EXPECT_THAT(Migrate(PostgresEnv::Dsn(), "x\"; DROP TABLE y; --", {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace stele::postgres
