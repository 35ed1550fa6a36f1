// The quick start on PostgreSQL, as docs/start.md tells to run it.
#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/postgres_env.h"

namespace stele {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// What the quick start prints, and its exit code in the last line.
std::string RunQuickstart(const std::string& arguments) {
  const std::string command = std::string("'") + STELE_QUICKSTART + "' " +
                              arguments + " 2>&1; echo code $?";
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string printed;
  char line[256];
  while (std::fgets(line, sizeof line, pipe) != nullptr) printed += line;
  ::pclose(pipe);
  return printed;
}

TEST(QuickstartTest, HistoryOutlivesTheProgram) {
  const std::string dsn = "'" + testing::PostgresEnv::Dsn() + "'";
  const std::string first = RunQuickstart(dsn);
  EXPECT_THAT(first, HasSubstr("Ada has 100.00\n"));
  EXPECT_THAT(first, HasSubstr("  4 bank.Withdrawn\ncode 0\n"));
  const std::string second = RunQuickstart(dsn);
  EXPECT_THAT(second, HasSubstr("Ada has 170.00\n"));
  EXPECT_THAT(second, HasSubstr("  7 bank.Withdrawn\ncode 0\n"));
}

TEST(QuickstartTest, SaysHowItIsUsed) {
  const std::string help = RunQuickstart("--help");
  EXPECT_THAT(help, StartsWith("Usage: quickstart [DATABASE]\n"));
  EXPECT_THAT(help, EndsWith("\ncode 0\n"));
  for (const char* wrong : {"--nonsense", "''", "dbname=a dbname=b extra"}) {
    const std::string said = RunQuickstart(wrong);
    EXPECT_THAT(said, StartsWith("Usage: quickstart [DATABASE]\n")) << wrong;
    EXPECT_THAT(said, EndsWith("\ncode 2\n")) << wrong;
  }
  const std::string no_dsn = RunQuickstart("nonsense");
  EXPECT_THAT(no_dsn, StartsWith("quickstart: "));
  EXPECT_THAT(no_dsn, Not(HasSubstr("INVALID_ARGUMENT")));
  EXPECT_THAT(no_dsn, EndsWith("\ncode 2\n"));
}

}  // namespace
}  // namespace stele
