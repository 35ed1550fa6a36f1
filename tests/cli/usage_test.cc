// Calls that cannot be understood, or that ask about the program itself.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli_fixture.h"
#include "stele/sandbox/free_port.h"
#include "tests/support/postgres_env.h"

namespace stele::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Every command, and what a call of it needs.
const std::vector<std::vector<std::string>>& Commands() {
  static const auto* const kCommands =
      new std::vector<std::vector<std::string>>{
          {"migrate"},
          {"streams", "show", "account-ada"},
          {"consumers", "list"},
          {"consumers", "pause", "x"},
          {"consumers", "resume", "x"},
          {"consumers", "reset", "x", "--to", "1"},
          {"consumers", "forget", "x", "--yes"},
          {"parked", "list"},
          {"parked", "retry", "x", "y"},
          {"parked", "discard", "x", "y", "--all"},
          {"projections", "list"},
          {"projections", "status", "x"},
          {"projections", "rebuild", "x"},
          {"projections", "undo", "x"},
          {"projections", "abort", "x"},
          {"sagas", "list"},
          {"sagas", "show", "x", "y"},
      };
  return *kCommands;
}

std::vector<std::string> With(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(UsageTest, SaysItsVersion) {
  const Answer text = RunStele({"--version"});
  EXPECT_EQ(text.exit, 0);
  EXPECT_EQ(text.out, "stele " STELE_VERSION "\n");
  const Answer json = RunStele({"--version", "-o", "json"});
  EXPECT_EQ(json.exit, 0);
  EXPECT_EQ(At(json.Data(), "/version"), STELE_VERSION);
}

TEST(UsageTest, EveryCommandHasHelp) {
  const Answer all = RunStele({"--help"});
  EXPECT_EQ(all.exit, 0);
  for (const auto& command : Commands()) {
    EXPECT_THAT(all.out, HasSubstr(command[0]));
    const Answer help = RunStele(With(command, {"--help"}));
    EXPECT_EQ(help.exit, 0);
    EXPECT_THAT(help.err, IsEmpty());
    const std::string name =
        command.size() > 1 ? command[0] + " " + command[1] : command[0];
    EXPECT_THAT(help.out, HasSubstr("Usage: stele " + name));
    EXPECT_THAT(help.out, HasSubstr("--database-url"));
  }
}

TEST(UsageTest, RefusesWhatItDoesNotKnowInOneLine) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> calls = {
      {{}, "stele --help"},
      {{"nonsense"}, "nonsense"},
      {{"--bogus"}, "stele has no option \"--bogus\""},
      {{"--bogus", "consumers", "list"}, "--bogus"},
      {{"streams"}, "stele streams --help"},
      {{"streams", "shew"}, "shew"},
      {{"streams", "show"}, "stream"},
      {{"streams", "show", "a-1", "--nonsense"}, "--nonsense"},
      {{"streams", "show", "a-1", "--limit", "0"}, "--limit"},
      {{"streams", "show", "a-1", "--limit", "many"}, "--limit"},
      {{"consumers", "reset", "x"}, "--to"},
      {{"parked", "discard", "x", "y"}, "--first"},
      {{"parked", "discard", "x", "y", "--first", "7", "--all"}, "--all"},
      {{"parked", "discard", "x", "y", "--first", "0"}, "--first"},
      {{"consumers", "reset", "x", "--to", "-1"}, "--to"},
      {{"migrate", "-o", "xml"}, "xml"},
      {{"projections", "rebuild", "x", "--timeout", "0"}, "--timeout"},
  };
  for (const auto& [arguments, what] : calls) {
    const Answer answer = RunStele(arguments);
    EXPECT_EQ(answer.exit, 2) << what << answer.err;
    EXPECT_THAT(answer.out, IsEmpty());
    EXPECT_THAT(answer.err, HasSubstr(what));
    EXPECT_THAT(answer.err, HasSubstr("; try stele")) << what;
    EXPECT_EQ(std::count(answer.err.begin(), answer.err.end(), '\n'), 1)
        << answer.err;
  }
}

TEST(UsageTest, RepeatsNothingThatWentAstray) {
  const std::string url = "postgresql://u:s3cret@h/x";
  for (const std::vector<std::string>& call :
       std::vector<std::vector<std::string>>{
           {url},
           {"consumers", url},
           {"consumers", "list", url},
           {"migrate", url, "s3cret"},
           {"streams", "show", "a-1", "--" + url},
           {"streams", "show", "a-1", "--databas-url=" + url},
           {"consumers", "reset", "x", "--to", url},
           {"consumers", "list", "-o", url}}) {
    const Answer answer = RunStele(call);
    EXPECT_EQ(answer.exit, 2) << answer.err;
    EXPECT_THAT(answer.err, ::testing::Not(HasSubstr("s3cret")));
  }
}

TEST(UsageTest, RefusesWithOneJsonObjectWhenAskedForJson) {
  for (const std::vector<std::string>& form :
       std::vector<std::vector<std::string>>{
           {"-o", "json"}, {"--output=json"}, {"--json"}}) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {}, {"nonsense"}, {"streams", "show", "a-1", "--nonsense"}}) {
      const Answer answer = RunStele(With(form, arguments));
      EXPECT_EQ(answer.exit, 2);
      EXPECT_THAT(answer.err, IsEmpty());
      EXPECT_EQ(answer.Json()["status"], "usage");
      EXPECT_TRUE(answer.Data().is_null());
    }
  }
}

TEST(UsageTest, SaysWhichNumbersItTakes) {
  const auto refusal = [](const std::vector<std::string>& call) {
    const Answer answer = RunStele(call);
    EXPECT_EQ(answer.exit, 2) << answer.err;
    return answer.err;
  };
  for (const std::string number :
       {"abc", "99999999999999999999", "-1", "1e3", "0x10", "1.5", " 1"}) {
    EXPECT_THAT(refusal({"consumers", "reset", "x", "--to=" + number}),
                HasSubstr("--to: \"" + number +
                          "\" is not a whole number from 0 to "
                          "9223372036854775807"));
  }
  EXPECT_THAT(refusal({"sagas", "list", "--limit", "100001"}),
              HasSubstr("\"100001\" is not a whole number from 1 to 100000"));
  EXPECT_THAT(refusal({"parked", "discard", "x", "y", "--first", "0"}),
              HasSubstr("from 1 to 9223372036854775807"));
}

TEST(UsageTest, NamesTheArgumentThatIsNoName) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> calls = {
      {{"sagas", "show", "\xff", "x"}, "saga: "},
      {{"sagas", "show", "x", "\xff"}, "id: "},
      {{"sagas", "list", "--saga", "\xff"}, "--saga: "},
      {{"projections", "status", "\xff"}, "projection: "},
      {{"projections", "undo", "\xff"}, "projection: "},
      {{"consumers", "pause", "\xff"}, "consumer: "},
      {{"consumers", "reset", "\xff", "--to", "1"}, "consumer: "},
      {{"parked", "list", "--consumer", "\xff"}, "--consumer: "},
      {{"parked", "retry", "\xff", "x"}, "consumer: "},
  };
  for (auto [arguments, what] : calls) {
    const Answer broken = RunStele(arguments);
    EXPECT_EQ(broken.exit, 2) << broken.err;
    EXPECT_THAT(broken.err,
                HasSubstr(what + "\"\\xff\" is not well-formed UTF-8"));
    for (std::string& argument : arguments) {
      if (argument == "\xff") argument = "";
    }
    const Answer empty = RunStele(arguments);
    EXPECT_EQ(empty.exit, 2) << empty.err;
    EXPECT_THAT(empty.err, HasSubstr(what + "is empty"));
  }
}

TEST(UsageTest, JsonHoldsNoBrokenText) {
  const Answer answer = RunStele({"streams", "show", "\xff\xfe\x1b[31m",
                                  "--json", "--database-url=dbname=x"});
  EXPECT_EQ(answer.exit, 2);
  EXPECT_EQ(answer.Json()["status"], "usage");
}

TEST(UsageTest, EveryCommandAsksForADatabase) {
  for (const auto& command : Commands()) {
    const Answer answer =
        RunStele(With(command, {"-o", "json"}), {"STELE_DATABASE_URL="});
    EXPECT_EQ(answer.exit, 2) << command[0];
    EXPECT_THAT(answer.Diagnostics(), HasSubstr("--database-url"));
  }
}

TEST(UsageTest, AnEmptyValueIsTheOptionsOwn) {
  const std::vector<std::string> environment = {"STELE_DATABASE_URL=dbname=x"};
  const Answer schema =
      RunStele({"--schema=", "consumers", "list"}, environment);
  EXPECT_EQ(schema.exit, 2);
  EXPECT_THAT(schema.err, HasSubstr("--schema: \"\" cannot be the schema"));
  const Answer url =
      RunStele({"--database-url=", "consumers", "list"}, environment);
  EXPECT_EQ(url.exit, 2);
  EXPECT_THAT(url.err, HasSubstr("which database?"));
}

TEST(UsageTest, SaysWhereAWrongValueCameFrom) {
  const auto refusal = [](std::vector<std::string> call,
                          std::vector<std::string> environment) {
    call.insert(call.begin(), {"consumers", "list"});
    const Answer answer = RunStele(call, environment);
    EXPECT_EQ(answer.exit, 2) << answer.err;
    return answer.err;
  };
  EXPECT_THAT(refusal({"--database-url=pass word=x"}, {}),
              HasSubstr("--database-url: "));
  EXPECT_THAT(refusal({}, {"STELE_DATABASE_URL=pass word=x"}),
              HasSubstr("STELE_DATABASE_URL: "));
  EXPECT_THAT(refusal({"--schema", "a b"}, {"STELE_DATABASE_URL=dbname=x"}),
              HasSubstr("--schema: \"a b\""));
  EXPECT_THAT(refusal({}, {"STELE_DATABASE_URL=dbname=x", "STELE_SCHEMA=a b"}),
              HasSubstr("STELE_SCHEMA: \"a b\""));
}

TEST(UsageTest, AnAnswerThatCannotBeWrittenIsNoSuccess) {
  for (const std::string output : {">/dev/full", ">&-"}) {
    for (const std::vector<std::string>& call :
         std::vector<std::vector<std::string>>{
             {"--version"}, {"--help"}, {"--version", "-o", "json"}}) {
      const Answer answer = RunStele(call, {}, output);
      EXPECT_EQ(answer.exit, 5) << output;
      EXPECT_THAT(answer.err, HasSubstr("could not be written to standard"));
    }
    EXPECT_EQ(RunStele({"nonsense", "-o", "json"}, {}, output).exit, 2);
  }
}

TEST(UsageTest, WhoClosesThePipeHasSeenEnough) {
  const Answer answer = RunStele({"--help"}, {}, "2>\"$ERR\" | true #");
  EXPECT_EQ(answer.exit, 0);
  EXPECT_THAT(answer.err, IsEmpty());
}

TEST(UsageTest, EveryCommandSaysThatTheServerCannotBeReached) {
  const auto port = sandbox::FreePort();
  ASSERT_THAT(port, IsOk());
  const std::string url =
      absl::StrCat("postgresql://nobody:s3cret@127.0.0.1:", *port, "/shop");
  for (const auto& command : Commands()) {
    const Answer json =
        RunStele(With(command, {"--database-url", url, "-o", "json"}));
    EXPECT_EQ(json.exit, 3) << command[0] << json.out;
    EXPECT_EQ(json.Json()["status"], "unreachable");
    EXPECT_THAT(json.Diagnostics(), HasSubstr("127.0.0.1"));
    EXPECT_THAT(json.Diagnostics(), ::testing::Not(HasSubstr("s3cret")));
  }
  const Answer text = RunStele({"consumers", "list", "--database-url", url});
  EXPECT_EQ(text.exit, 3);
  EXPECT_THAT(text.out, IsEmpty());
  EXPECT_THAT(text.err, ::testing::StartsWith("stele: "));
}

TEST(UsageTest, AWrongDatabaseIsOneThatCannotBeReached) {
  std::string dsn = PostgresEnv::Dsn();
  const Answer answer =
      RunStele({"consumers", "list", "--json"},
               {"STELE_DATABASE_URL=" + dsn + " dbname=no_such_database"});
  EXPECT_EQ(answer.exit, 3) << answer.out;
  EXPECT_THAT(answer.Diagnostics(), HasSubstr("no_such_database"));
}

TEST(UsageTest, AMalformedConnectionStringIsAWrongCall) {
  const Answer answer =
      RunStele({"consumers", "list", "--json", "--database-url=pass word=x"});
  EXPECT_EQ(answer.exit, 2) << answer.out;
}

}  // namespace
}  // namespace stele::testing
