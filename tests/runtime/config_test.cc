#include "stele/runtime/config.h"

#include <algorithm>
#include <fstream>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stele {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConfigTest : public ::testing::Test {
 protected:
  absl::Status Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "orders");
    return config_.Parse(
        static_cast<int>(arguments.size()), arguments.data(),
        [this](const std::string& name) {
          auto it = environment_.find(name);
          return it == environment_.end()
                     ? std::nullopt
                     : std::optional<std::string>(it->second);
        },
        Names());
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : environment_) names.push_back(name);
    return names;
  }

  std::string WriteFile(const std::string& text) {
    const std::string path = ::testing::TempDir() + "stele_config_test.conf";
    std::ofstream(path) << text;
    return path;
  }

  std::string url_;
  std::string password_ = "hush";
  std::int64_t slots_ = 16;
  absl::Duration lease_ = absl::Seconds(10);
  std::string format_ = "logfmt";
  bool migrate_ = false;
  std::map<std::string, std::string> environment_;
  Config config_ = [this] {
    Config config("orders", "Takes orders.");
    config.Text("database-url", &url_, "Where the store is.", true)
        .Secret("password", &password_, "Of the broker.")
        .Number("slots", &slots_, 1, 1024, "Slots of a consumer.")
        .Time("lease", &lease_, absl::Seconds(1), absl::Minutes(5), "Lease.")
        .Choice("log-format", &format_, {"logfmt", "json"}, "Of log lines.")
        .Flag("migrate", &migrate_, "Migrate first.");
    return config;
  }();
};

TEST_F(ConfigTest, TakesOnlyWhatItIsToldToFromTheEnvironment) {
  config_.EnvironmentOnly({"database-url"});
  environment_ = {{"STELE_DATABASE_URL", "dbname=env"},
                  {"STELE_SLOTS", "no number"},
                  {"STELE_CONFIG", "/no/such/file"}};
  ASSERT_TRUE(Parse({}).ok());
  EXPECT_EQ(url_, "dbname=env");
  EXPECT_EQ(slots_, 16);
  const std::string help = config_.Help();
  EXPECT_THAT(help, HasSubstr("--database-url  (STELE_DATABASE_URL)\n"));
  EXPECT_THAT(help, HasSubstr("--slots\n"));
  EXPECT_THAT(help, Not(HasSubstr("STELE_CONFIG")));
}

TEST_F(ConfigTest, TakesFlagsInBothForms) {
  ASSERT_TRUE(Parse({"--database-url=dbname=a", "--slots", "8", "--migrate",
                     "--lease=1m30s"})
                  .ok());
  EXPECT_EQ(url_, "dbname=a");
  EXPECT_EQ(slots_, 8);
  EXPECT_TRUE(migrate_);
  EXPECT_EQ(lease_, absl::Seconds(90));
}

TEST_F(ConfigTest, AFlagBeatsTheEnvironmentAndThatBeatsTheFile) {
  environment_["STELE_CONFIG"] =
      WriteFile("# A comment\n\ndatabase-url = file\nslots = 3\nlease = 3s\n");
  environment_["STELE_SLOTS"] = "4";
  environment_["STELE_LEASE"] = "4s";
  ASSERT_TRUE(Parse({"--lease=5s"}).ok());
  EXPECT_EQ(url_, "file");
  EXPECT_EQ(slots_, 4);
  EXPECT_EQ(lease_, absl::Seconds(5));
}

TEST_F(ConfigTest, NamesAllMistakesOfAllSourcesAtOnce) {
  environment_["STELE_SLOTS"] = "many";
  environment_["STELE_CONFIG"] = WriteFile("sluts = 3\nlease\n");
  const absl::Status status =
      Parse({"--lease=9h", "--log-format=xml", "stray", "--unknown=1"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("STELE_SLOTS: \"many\" is not a whole number"),
                    HasSubstr("conf:1: \"sluts\" is no setting"),
                    HasSubstr("conf:2: no '='"),
                    HasSubstr("--lease: \"9h\" is out of bounds: 1s to 5m"),
                    HasSubstr("--log-format: \"xml\" is none of logfmt, json"),
                    HasSubstr("argument 3 is no setting"),
                    HasSubstr("--unknown is no setting"),
                    HasSubstr("--database-url is not set")));
}

TEST_F(ConfigTest, ReportsAConfigFileThatCannotBeRead) {
  EXPECT_THAT(
      std::string(
          Parse({"--database-url=x", "--config=/nonexistent"}).message()),
      HasSubstr("\"/nonexistent\" cannot be opened"));
}

TEST_F(ConfigTest, ReadsFilesOnlyAndSaysWhoNamedIt) {
  const std::string folder = ::testing::TempDir();
  EXPECT_THAT(
      std::string(
          Parse({"--database-url=x", "--config", folder.c_str()}).message()),
      AllOf(HasSubstr("--config: "), HasSubstr("is a directory")));
  environment_["STELE_CONFIG"] = folder;
  EXPECT_THAT(std::string(Parse({"--database-url=x"}).message()),
              HasSubstr("STELE_CONFIG: "));
}

TEST_F(ConfigTest, SkipsAByteOrderMark) {
  environment_["STELE_CONFIG"] = WriteFile("\xEF\xBB\xBFslots = 3\n");
  EXPECT_TRUE(Parse({"--database-url=x"}).ok());
  EXPECT_EQ(slots_, 3);
}

TEST_F(ConfigTest, SaysOnlyAFewThingsAboutAFileThatIsNone) {
  std::string rubbish;
  for (int i = 0; i < 1000; ++i)
    rubbish +=
        "\x7f"
        "ELF\n\x01=\x02\n";
  environment_["STELE_CONFIG"] = WriteFile(rubbish);
  const std::string message(Parse({"--database-url=x"}).message());
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 20) << message;
  EXPECT_THAT(message, HasSubstr(": 1980 more"));
}

TEST_F(ConfigTest, WarnsOfVariablesThatItDoesNotKnow) {
  environment_ = {{"STELE_LEESE", "5s"},
                  {"STELE_SLOTS", "8"},
                  {"STELE_SOMETHING_ELSE", ""},
                  {"STELE_SCHEMA", "x"},
                  {"HOME", "/"}};
  ASSERT_TRUE(Parse({"--database-url=x"}).ok());
  EXPECT_THAT(
      config_.warnings(),
      ::testing::ElementsAre(
          AllOf(HasSubstr("\"STELE_LEESE\""), HasSubstr("STELE_LEASE is")),
          AllOf(HasSubstr("\"STELE_SOMETHING_ELSE\""),
                ::testing::Not(HasSubstr(" is;")))));
}

TEST_F(ConfigTest, ChecksRulesOverSeveralSettings) {
  config_.Check([this]() -> std::optional<std::string> {
    if (slots_ > 100 && !migrate_) return "too many slots to go unmigrated";
    return std::nullopt;
  });
  EXPECT_THAT(std::string(Parse({"--database-url=x", "--slots=101"}).message()),
              HasSubstr("too many slots"));
}

TEST_F(ConfigTest, HelpNamesEverySettingAndHidesSecrets) {
  const absl::Status status = Parse({"--help"});
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("--slots  (STELE_SLOTS)"), HasSubstr("1 to 1024"),
                    HasSubstr("Default: 16"), HasSubstr("Required"),
                    ::testing::Not(HasSubstr("hush"))));
}

TEST_F(ConfigTest, OriginsHideSecrets) {
  ASSERT_TRUE(Parse({"--database-url=x", "--password=s3cret"}).ok());
  for (const Config::Origin& origin : config_.origins()) {
    EXPECT_EQ(origin.value.find("s3cret"), std::string::npos);
  }
}

TEST_F(ConfigTest, OriginsHidePasswordsOfUrls) {
  std::string url;
  Config config("orders", "Takes orders.");
  config.Url("database-url", &url, "Where the store is.");
  for (const char* given :
       {"postgresql://u:s3/cr@t@h/x", "postgresql://h/x?password=s3cr&t",
        "password=s3\\ cr&t dbname=x", "password='s3 \\'cr&t' dbname=x",
        "nats://s3cr&t@x", "u:s3cr&t@x", "s3cr&t@x:4222,u:cr&t@x"}) {
    const char* const arguments[] = {"orders", "--database-url", given};
    ASSERT_TRUE(config.Parse(3, arguments).ok()) << given;
    EXPECT_THAT(
        config.origins().front().value,
        AllOf(HasSubstr("***"), HasSubstr("x"), ::testing::Not(HasSubstr("s3")),
              ::testing::Not(HasSubstr("cr"))))
        << given;
  }
}

TEST_F(ConfigTest, RepeatsNothingThatWentAstray) {
  environment_["STELE_CONFIG"] =
      WriteFile("nats://u:s3cret@h?tls=1\npostgresql://u:s3cret@h/x\n");
  const absl::Status status =
      Parse({"nats://u:s3cret@h", "--nats://u:s3cret@h?tls=1",
             "--lease=nats://s3cret@h", "--slots=postgresql://u:s3cret@h/x"});
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("argument 1 is no setting"),
                    HasSubstr("argument 2 is no setting"),
                    HasSubstr("conf:1: the name is no setting"),
                    HasSubstr("--lease: \"nats://***@h\" is not a duration"),
                    ::testing::Not(HasSubstr("s3cret"))));
}

TEST_F(ConfigTest, AFlagWithoutItsValueIsNamed) {
  EXPECT_THAT(std::string(Parse({"--database-url"}).message()),
              HasSubstr("--database-url has no value"));
}

}  // namespace
}  // namespace stele
