#include "stele/postgres/migrator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <pqxx/pqxx>
#include <thread>

#include "stele/testing/status_matchers.h"
#include "tests/support/postgres_env.h"

namespace stele::postgres {
namespace {

using ::stele::testing::IsOk;
using ::stele::testing::PostgresEnv;
using ::stele::testing::StatusIs;
using ::testing::HasSubstr;

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

TEST_F(MigratorTest, AHostileSchemaNameIsRefused) {
  EXPECT_THAT(Migrate(PostgresEnv::Dsn(), "x\"; DROP TABLE y; --", {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace stele::postgres
