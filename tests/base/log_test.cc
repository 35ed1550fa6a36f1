#include "stele/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stele/base/metrics.h"

namespace stele {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Puts the defaults back, whatever a test did.
class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override {
    SetLogSink(nullptr);
    SetLogLevel(LogLevel::kInfo);
  }

  static std::string Written(std::initializer_list<LogField> fields) {
    ::testing::internal::CaptureStderr();
    Log(LogLevel::kWarning, "lease lost", fields);
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, TheDefaultSinkWritesLogfmt) {
  EXPECT_THAT(Written({{"slot", "3"}, {"owner", "a b"}}),
              MatchesRegex("time=....-..-..T..:..:......Z level=warning "
                           "msg=\"lease lost\" slot=3 owner=\"a b\"\n"));
}

TEST_F(LogTest, AValueCannotForgeALineOrAField) {
  EXPECT_THAT(Written({{"key", "x\nlevel=error msg=\"forged\""}}),
              EndsWith("key=\"x\\nlevel=error msg=\\\"forged\\\"\"\n"));
  EXPECT_THAT(Written({{"key", "\xFF\x1B"}}), HasSubstr("key=\"\\xff\\x1b\""));
  EXPECT_THAT(Written({{"key", ""}}), HasSubstr("key=\"\""));
  EXPECT_THAT(Written({{"city", "Zürich"}}), HasSubstr("city=Zürich"));
}

TEST_F(LogTest, LinesBelowTheLevelAreDropped) {
  std::vector<std::string> seen;
  SetLogSink([&seen](const LogEntry& entry) { seen.push_back(entry.message); });
  Log(LogLevel::kDebug, "one");
  Log(LogLevel::kInfo, "two");
  SetLogLevel(LogLevel::kDebug);
  Log(LogLevel::kDebug, "three");
  SetLogLevel(LogLevel::kError);
  Log(LogLevel::kWarning, "four");
  EXPECT_THAT(seen, ::testing::ElementsAre("two", "three"));
}

TEST_F(LogTest, ASinkMayLogItself) {
  int lines = 0;
  SetLogSink([&lines](const LogEntry&) {
    if (++lines == 1) Log(LogLevel::kInfo, "from within");
  });
  Log(LogLevel::kInfo, "outside");
  EXPECT_EQ(lines, 2);
}

TEST(NoMetricsTest, TakesEverythingAndKeepsNothing) {
  NoMetrics().GetCounter("a", "help").Add();
  NoMetrics().GetGauge("b", "help", {{"name", "x"}}).Set(3);
  NoMetrics().GetHistogram("c", "help").Observe(0.1);
}

}  // namespace
}  // namespace stele
