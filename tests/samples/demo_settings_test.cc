#include "demo/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "input/make_orders.h"

namespace orders {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

absl::StatusOr<Settings> Parse(
    std::vector<const char*> arguments,
    const std::map<std::string, std::string>& variables = {}) {
  arguments.insert(arguments.begin(), "orders-demo");
  return ParseSettings(
      static_cast<int>(arguments.size()), arguments.data(),
      [&](const std::string& name) -> std::optional<std::string> {
        const auto it = variables.find(name);
        if (it == variables.end()) return std::nullopt;
        return it->second;
      });
}

std::string WriteFile(const std::string& text) {
  const std::string path = ::testing::TempDir() + "/demo_settings_test.jsonl";
  std::ofstream(path) << text;
  return path;
}

std::string Orders(int count) {
  std::string text;
  for (const OrderInput& order : MakeOrders(count, 7)) {
    absl::StrAppend(&text, FormatOrder(order), "\n");
  }
  return text;
}

TEST(ParseSettingsTest, SettingsOfServicesDoNotLeakIn) {
  const auto settings = Parse({}, {{"STELE_CONFIG", "/no/such/file"},
                                   {"STELE_BROKER_URL", "nats://other:4222"},
                                   {"STELE_ORDERS", "none"},
                                   {"STELE_KEEP", "true"}});
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->broker_url, "");
  EXPECT_EQ(settings->orders, 1000);
  EXPECT_FALSE(settings->keep);
  EXPECT_EQ(DatabaseNotice(*settings), "");
  EXPECT_EQ(SchemasFor(*settings).orders, "orders");
}

TEST(ParseSettingsTest, SaysThatAVariableChoseTheDatabase) {
  const auto settings =
      Parse({}, {{"STELE_DATABASE_URL", "postgresql://me:secret@db/shop"}});
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->database_url, "postgresql://me:secret@db/shop");
  EXPECT_EQ(settings->database_source, "STELE_DATABASE_URL");
  EXPECT_THAT(DatabaseNotice(*settings),
              AllOf(HasSubstr("STELE_DATABASE_URL is given"),
                    HasSubstr("@db/shop"), HasSubstr("orders_demo_orders"),
                    HasSubstr("Unset the variable"), Not(HasSubstr("secret"))));
  EXPECT_EQ(SchemasFor(*settings).payments, "orders_demo_payments");
}

TEST(ParseSettingsTest, SaysThatAFlagChoseTheDatabase) {
  const auto settings = Parse({"--database-url=dbname=shop"},
                              {{"STELE_DATABASE_URL", "dbname=other"}});
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->database_source, "--database-url");
  EXPECT_THAT(DatabaseNotice(*settings),
              AllOf(HasSubstr("--database-url is given"),
                    HasSubstr("dbname=shop"), Not(HasSubstr("variable"))));
}

TEST(ReadInputTest, TakesAsManyOfAFileAsAreWanted) {
  const std::string path = WriteFile(Orders(20));
  const std::string input = absl::StrCat("--input=", path);
  const std::size_t all = MakeOrders(20, 7).size();
  EXPECT_THAT(*ReadInput(*Parse({input.c_str()}), ""), SizeIs(all));
  EXPECT_THAT(*ReadInput(*Parse({input.c_str(), "--orders=2"}), ""), SizeIs(2));
  EXPECT_THAT(*ReadInput(*Parse({input.c_str(), "--orders=1000"}), ""),
              SizeIs(all));
}

TEST(ReadInputTest, TellsOfTheFirstBadLinesOnly) {
  std::string text = Orders(1);
  for (int i = 0; i < 5000; ++i) text += "nonsense\n";
  const std::string input = absl::StrCat("--input=", WriteFile(text));
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(ReadInput(*Parse({input.c_str()}), "").ok());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("line 21, skipped: not JSON"),
                    HasSubstr("4980 more lines skipped, 5000 in all\n"),
                    Not(HasSubstr("line 22,"))));
}

TEST(ReadInputTest, SaysWhyThereIsNoOrder) {
  const std::string empty = absl::StrCat("--input=", WriteFile(""));
  EXPECT_THAT(
      std::string(ReadInput(*Parse({empty.c_str()}), "").status().message()),
      HasSubstr(".jsonl: it is empty"));
  const std::string bad = absl::StrCat("--input=", WriteFile("a\nb\n"));
  EXPECT_THAT(
      std::string(ReadInput(*Parse({bad.c_str()}), "").status().message()),
      HasSubstr(".jsonl: no line of 2 is one"));
}

TEST(SaveTest, SaysWhyItCannot) {
  const auto orders = MakeOrders(2000, 7);
  EXPECT_EQ(Save("/no/such/folder/f", orders).message(),
            "cannot write /no/such/folder/f: No such file or directory");
  EXPECT_EQ(Save("/dev/full", orders).message(),
            "cannot write /dev/full: No space left on device");
}

}  // namespace
}  // namespace orders
