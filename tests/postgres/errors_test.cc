#include "stele/postgres/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <pqxx/except>
#include <stdexcept>

#include "stele/base/status.h"
#include "stele/postgres/array_text.h"
#include "stele/postgres/connect_options.h"
#include "stele/postgres/identifier.h"
#include "stele/testing/status_matchers.h"

namespace stele::postgres {
namespace {

using ::stele::testing::IsOk;
using ::stele::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename E>
absl::Status Thrown(const E& exception) {
  return CatchingAll("testing", [&]() -> absl::Status { throw exception; });
}

TEST(ErrorsTest, InDoubtIsTakenForNothingElse) {
  // In libpqxx 6 the second derives from a rollback.
  EXPECT_TRUE(IsInDoubt(Thrown(pqxx::in_doubt_error("x"))));
  EXPECT_TRUE(IsInDoubt(Thrown(pqxx::statement_completion_unknown("x"))));
  EXPECT_FALSE(IsRolledBack(Thrown(pqxx::statement_completion_unknown("x"))));
}

TEST(ErrorsTest, RollbacksMayBeTriedAgain) {
  const absl::Status status = Thrown(pqxx::serialization_failure("x"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_TRUE(IsRolledBack(status));
  EXPECT_TRUE(IsRolledBack(Thrown(pqxx::deadlock_detected("x"))));
  EXPECT_TRUE(IsRolledBack(StatusFromSqlstate("testing", "40P01", "x")));
  EXPECT_FALSE(IsRolledBack(VersionConflictError({"a-1", "no stream", 1})));
}

TEST(ErrorsTest, TheCodesOfTheServerHaveOneMeaning) {
  struct Case {
    const char* sqlstate;
    absl::StatusCode code;
  };
  for (const Case& c : {Case{"53100", absl::StatusCode::kUnavailable},
                        Case{"53300", absl::StatusCode::kUnavailable},
                        Case{"57P01", absl::StatusCode::kUnavailable},
                        Case{"57P03", absl::StatusCode::kUnavailable},
                        Case{"08006", absl::StatusCode::kUnavailable},
                        Case{"57014", absl::StatusCode::kDeadlineExceeded},
                        Case{"40001", absl::StatusCode::kAborted},
                        Case{"25P02", absl::StatusCode::kInternal},
                        Case{"42P01", absl::StatusCode::kFailedPrecondition},
                        Case{"42501", absl::StatusCode::kPermissionDenied},
                        Case{"23505", absl::StatusCode::kAlreadyExists},
                        Case{"22021", absl::StatusCode::kInvalidArgument},
                        Case{"XX001", absl::StatusCode::kDataLoss},
                        Case{"42601", absl::StatusCode::kInternal}}) {
    EXPECT_THAT(StatusFromSqlstate("testing", c.sqlstate, "words\n\tmore "),
                StatusIs(c.code, HasSubstr("testing: words more (")))
        << c.sqlstate;
  }
  EXPECT_THAT(StatusFromSqlstate("x", "42P01", "y").message(),
              HasSubstr("stele migrate"));
  EXPECT_THAT(StatusFromSqlstate("x", "53100", "y").message(),
              HasSubstr("disk is full"));
}

TEST(ErrorsTest, WhateverIsThrownBecomesAStatus) {
  EXPECT_THAT(Thrown(pqxx::broken_connection("gone")),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Thrown(pqxx::sql_error("no", "SELECT", "42P01")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Thrown(std::bad_alloc()),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Thrown(std::runtime_error("boom")),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(Thrown(42), StatusIs(absl::StatusCode::kInternal));
}

TEST(IdentifierTest, OnlyPlainNamesAreSchemas) {
  for (const char* name : {"stele", "Orders_2", "a"}) {
    EXPECT_THAT(ValidateSchemaName(name), IsOk()) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("1a"), std::string("a b"),
        std::string("a\"b"), std::string("a;b"), std::string("pg_x"),
        std::string("PG_x"), std::string("\xC3\xA4"), std::string("a\0b", 3),
        std::string(49, 'a')}) {
    EXPECT_THAT(ValidateSchemaName(name),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
}

TEST(IdentifierTest, QuotesWhateverItIsGiven) {
  EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteLiteral("a\\'b"), "E'a\\\\''b'");
}

TEST(ArrayTextTest, QuotesWhateverItIsGiven) {
  EXPECT_EQ(ArrayText().Done(), "{}");
  EXPECT_EQ(ArrayText().Add("").Add("a,\"b\\").Add("{}").Done(),
            R"({"","a,\"b\\","{}"})");
  EXPECT_EQ(ArrayText().Add(std::int64_t{-7}).AddNull().Done(), "{-7,NULL}");
  EXPECT_EQ(ArrayText().AddNullable("NULL").AddNullable(std::nullopt).Done(),
            R"({"NULL",NULL})");
}

TEST(ArrayTextDeathTest, TakesNoNul) {
  EXPECT_DEATH(ArrayText().Add(std::string_view("a\0b", 3)), "text.find");
}

TEST(ConnectOptionsTest, MalformedConnectionStringsAreRefusedUnshown) {
  EXPECT_THAT(ValidateDsn("dbname=orders"), IsOk());
  EXPECT_THAT(ValidateDsn("postgresql://ada@localhost/orders?sslmode=require"),
              IsOk());
  const absl::Status status = ValidateDsn("password=secret nonsense");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status.message(), Not(HasSubstr("secret")));
  EXPECT_THAT(ValidateDsn(std::string("dbname=a\0b", 10)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ConnectOptionsTest, NoPasswordIsShownHoweverItIsMisplaced) {
  for (const std::string dsn : {
           "s3cret",
           "password=my s3cret",
           "password=my s3cret=x",
           "password='s3cret",
           "postgresql://stele:s3cret@[bad/x",
           "postgresql://stele:s3cret%zz@localhost/x",
           "postgresql://stele:s3cret/7@localhost/x",
           "postgresql://stele:7/s3cret@localhost/x",
           "postgresql://stele:7@s3cret@localhost/x",
           "postgresql://stele:7?s3@cret@localhost/x",
           "postgresql://stele:s3cret/x",
           "postgresql://localhost:s3cret,localhost/x",
       }) {
    const absl::Status status = ValidateDsn(dsn);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << dsn;
    EXPECT_THAT(status.message(), Not(HasSubstr("cret"))) << dsn;
    EXPECT_THAT(FullDsn({.dsn = dsn}).status(), status);
  }
  for (const std::string dsn : {
           "postgresql://stele:s3%2Fcret@localhost:5432/x",
           "postgresql://stele:7?s3cret@localhost/x",
           "postgresql://stele:a@h1:1,h2:2,h3/x?application_name=a@b",
           "postgresql:///x?host=/tmp&port=5433",
           "postgres://%2Ftmp/x",
           "host=h1,h2 port=5432,5433",
           "host=h port=''",
           "user=a@b dbname=c@d password='my s3cret'",
       }) {
    EXPECT_THAT(ValidateDsn(dsn), IsOk()) << dsn;
  }
}

TEST(ConnectOptionsTest, ADsnKeepsWhatItSays) {
  const auto full = FullDsn({.dsn = "dbname='a b' application_name=mine",
                             .application_name = "ours"});
  ASSERT_THAT(full, IsOk());
  EXPECT_THAT(*full, HasSubstr("dbname='a b'"));
  EXPECT_THAT(*full, HasSubstr("application_name='mine'"));
  EXPECT_THAT(*full, HasSubstr("connect_timeout='10'"));
}

TEST(ConnectOptionsTest, ABrokenNetworkIsNoticed) {
  const auto full = FullDsn({.dsn = "keepalives_idle=7"});
  ASSERT_THAT(full, IsOk());
  EXPECT_THAT(*full, HasSubstr("keepalives_idle='7'"));
  EXPECT_THAT(*full, HasSubstr("keepalives_interval='5'"));
  EXPECT_THAT(*full, HasSubstr("tcp_user_timeout='30000'"));
  const auto systems = FullDsn({.network_timeout = absl::ZeroDuration()});
  ASSERT_THAT(systems, IsOk());
  EXPECT_THAT(*systems, Not(HasSubstr("tcp_user_timeout")));
}

TEST(ConnectOptionsTest, SessionsAreBounded) {
  const std::string sql =
      SessionSql({.statement_timeout = absl::Seconds(3),
                  .lock_timeout = absl::Seconds(2),
                  .idle_in_transaction_timeout = absl::Seconds(1)});
  EXPECT_THAT(sql, HasSubstr("SET statement_timeout = 3000"));
  EXPECT_THAT(sql, HasSubstr("SET lock_timeout = 2000"));
  EXPECT_THAT(sql, HasSubstr("SET idle_in_transaction_session_timeout = 1000"));
  EXPECT_THAT(SessionSql({}), Not(HasSubstr("_timeout")));
}

}  // namespace
}  // namespace stele::postgres
