// The quick start on PostgreSQL, as docs/start.md tells to run it.
#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/postgres_env.h"

namespace stele {
namespace {

using ::testing::HasSubstr;

// What the quick start prints, and its exit code in the last line.
std::string RunQuickstart() {
  const std::string command = std::string("'") + STELE_QUICKSTART + "' '" +
                              testing::PostgresEnv::Dsn() + "'; echo code $?";
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string printed;
  char line[256];
  while (std::fgets(line, sizeof line, pipe) != nullptr) printed += line;
  ::pclose(pipe);
  return printed;
}

TEST(QuickstartTest, HistoryOutlivesTheProgram) {
  const std::string first = RunQuickstart();
  EXPECT_THAT(first, HasSubstr("Ada has 100.00\n"));
  EXPECT_THAT(first, HasSubstr("  4 bank.Withdrawn\ncode 0\n"));
  const std::string second = RunQuickstart();
  EXPECT_THAT(second, HasSubstr("Ada has 170.00\n"));
  EXPECT_THAT(second, HasSubstr("  7 bank.Withdrawn\ncode 0\n"));
}

}  // namespace
}  // namespace stele
