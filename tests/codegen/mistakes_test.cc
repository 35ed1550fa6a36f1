// Parts of a model that are wrong as a whole, and models of several files.

#include "mistakes.h"

#include <string>

#include "gmock/gmock.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MistakesTest, ARightModelHasNone) {
  EXPECT_THAT(MistakesIn(kAccount), IsEmpty());
}

// ---- Parts that are wrong as a whole ----------------------------------------

TEST(MistakesTest, TwoRoles) {
  EXPECT_THAT(MistakesBesideAccount(R"(message Close {
  option (stele.command).on = "Account";
  option (stele.event).of = "Account";
  string account_id = 1 [(stele.id) = true];
})"),
              ElementsAre("model.proto:2:1: \"Close\" is both a command and an "
                          "event; make two messages of it"));
}

TEST(MistakesTest, RolesInsideOtherMessages) {
  EXPECT_THAT(MistakesBesideAccount(R"(message Events {
  message Closed {
    option (stele.event).of = "Account";
  }
})"),
              ElementsAre("model.proto:4:5: \"bank.Events.Closed\" is an event "
                          "inside another message; move it out, to the top "
                          "level of the file"));
}

TEST(MistakesTest, AnAggregateToWhichNothingHappens) {
  EXPECT_THAT(
      MistakesIn("message A { option (stele.aggregate).stream = \"a\"; }\n"),
      ElementsAre("model.proto:2:13: aggregate \"A\" has no events; write "
                  "option (stele.event).of = \"A\" in a message that says what "
                  "can happen to it"));
}

TEST(MistakesTest, AProjectionFromNothing) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Balance {
  option (stele.projection).table = "balance";
  string account_id = 1 [(stele.id) = true];
})"),
      ElementsAre("model.proto:3:3: read model \"Balance\" is made from "
                  "no events; list them, e.g. from: [ "
                  "\"AccountOpened\" ]"));
}

TEST(MistakesTest, ASagaThatNothingStarts) {
  EXPECT_THAT(MistakesBesideAccount(R"(message Watch {
  option (stele.saga) = { on { event: "Opened" } };
  string account_id = 1 [(stele.id) = true];
}
message Wait {
  option (stele.saga).starts_on = {};
  string account_id = 1 [(stele.id) = true];
})"),
              ElementsAre("model.proto:3:3: saga \"Watch\" has no event that "
                          "starts it; write starts_on { event: \"<event>\" }",
                          "model.proto:7:3: saga \"Wait\" has no event that "
                          "starts it; write starts_on { event: \"<event>\" }"));
}

TEST(MistakesTest, ThingsListedTwice) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Balance {
  option (stele.projection) = {
    table: "balance"
    from: [ "Opened", "bank.Opened" ]
  };
  string account_id = 1 [(stele.id) = true];
}
message Watch {
  option (stele.saga) = {
    starts_on { event: "Opened" }
    on { event: "Opened" by: "owner" }
    sends: [ "Open", ".bank.Open" ]
  };
  string account_id = 1 [(stele.id) = true];
})"),
      ElementsAre("model.proto:3:3: read model \"Balance\" lists event "
                  "\"bank.Opened\" twice; list it once, with one way to find "
                  "what it is about",
                  "model.proto:10:3: saga \"Watch\" lists event \"Opened\" "
                  "twice; list it once, with one way to find what it is about",
                  "model.proto:10:3: saga \"Watch\" lists \".bank.Open\" twice "
                  "in `sends`; list it once"));
}

TEST(MistakesTest, OptionsWithoutEffect) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Closed {
  option (stele.event) = { of: "Account" topic: "closed" };
}
message Turnover {
  option (stele.projection) = {
    table: "turnover" sql: true
    on { event: "Opened" by: "owner" }
  };
  string owner = 1 [(stele.id) = true];
})"),
      ElementsAre(
          "model.proto:3:3: event \"Closed\" has a topic but is not "
          "public; add public: true, or remove the topic",
          "model.proto:6:3: by: \"owner\" means nothing with sql: true; "
          "list \"Opened\" in `from` instead"));
}

TEST(MistakesTest, FieldsThatCannotBeSet) {
  const ProtoFolder folder;
  folder.Add("model.proto", R"(syntax = "proto2";
package bank;
import "stele/options.proto";
message Account { option (stele.aggregate).stream = "account"; }
message Opened {
  option (stele.event).of = "Account";
  optional group Owner = 1 { optional string name = 2; }
  optional string text = 3 [ctype = CORD];
}
)");
  EXPECT_THAT(MistakesIn(folder, "model.proto"),
              ElementsAre("model.proto:7:3: field \"owner\" is a group, which "
                          "Stele does not support; make it a message",
                          "model.proto:8:3: field \"text\" has a ctype, which "
                          "Stele does not support; remove the option"));
}

// ---- Several files ----------------------------------------------------------

TEST(MistakesTest, EventsThatTheirAggregateCannotKnow) {
  const ProtoFolder folder;
  folder.Add("account.proto", kBegin + std::string(kAccount));
  folder.Add("model.proto",
             "syntax = \"proto3\"; package bank; import \"account.proto\"; "
             "import \"stele/options.proto\";\n"
             "message Closed { option (stele.event).of = \"Account\"; }\n");
  EXPECT_THAT(
      MistakesIn(folder, "model.proto"),
      ElementsAre("model.proto:2:18: aggregate \"Account\" is declared in "
                  "account.proto, whose generated code cannot know this event; "
                  "move Closed to account.proto, or have that file import this "
                  "one and write of: \".bank.Account\""));
}

TEST(MistakesTest, EventsWhoseAggregateIsNotImported) {
  const ProtoFolder folder;
  folder.Add("events.proto",
             kBegin + std::string("message A { option (stele.event).of = "
                                  "\".bank.Thing\"; }\n"));
  folder.Add("model.proto",
             "syntax = \"proto3\"; package bank; import \"events.proto\"; "
             "import \"stele/options.proto\";\n"
             "message Rows {\n"
             "  option (stele.projection) = { table: \"rows\" from: \"A\" };\n"
             "  string id = 1 [(stele.id) = true];\n}\n");
  EXPECT_THAT(
      MistakesIn(folder, "model.proto"),
      ElementsAre("model.proto:3:3: the aggregate of event \"A\", "
                  "\".bank.Thing\", cannot be seen here; import the file that "
                  "declares it"));
}

TEST(MistakesTest, MessagesOfFilesThatAreNotImported) {
  const ProtoFolder folder;
  folder.Add("account.proto", kBegin + std::string(kAccount));
  folder.Add("middle.proto",
             "syntax = \"proto3\"; import \"account.proto\"; message Middle { "
             "bank.Account a = 1; }\n");
  folder.Add("model.proto",
             "syntax = \"proto3\"; package bank; import \"middle.proto\"; "
             "import \"stele/options.proto\";\n"
             "message Rows {\n"
             "  option (stele.projection) = { table: \"rows\" from: "
             "\"Opened\" };\n"
             "  string id = 1 [(stele.id) = true];\n}\n");
  EXPECT_THAT(MistakesIn(folder, "model.proto"),
              ElementsAre("model.proto:3:3: event \"Opened\" is declared in "
                          "account.proto, which is not imported; add import "
                          "\"account.proto\";"));
}

TEST(MistakesTest, CollisionsWithImportedFiles) {
  const ProtoFolder folder;
  folder.Add("account.proto", kBegin + std::string(kAccount));
  folder.Add("model.proto",
             "syntax = \"proto3\"; package bank; import \"account.proto\"; "
             "import \"stele/options.proto\";\n"
             "message AccountEvent { Account a = 1; }\n"
             "message A { option (stele.aggregate).stream = \"a\"; }\n"
             "message Happened { option (stele.event).of = \"A\"; }\n");
  EXPECT_THAT(
      MistakesIn(folder, "model.proto"),
      ElementsAre("model.proto:2:1: \"AccountEvent\" is defined by code "
                  "for bank.Account (account.proto:3) already; rename "
                  "one of the two"));
}

TEST(MistakesTest, FilesWhoseHeadersWouldKeepEachOtherOut) {
  const ProtoFolder folder;
  folder.Add("bank/account.proto", kBegin + std::string(kAccount));
  folder.Add("bank_account.proto",
             "syntax = \"proto3\"; package shop; import "
             "\"bank/account.proto\"; import \"stele/options.proto\";\n"
             "message A { option (stele.aggregate).stream = \"a\"; }\n"
             "message Happened {\n  option (stele.event).of = \"A\";\n"
             "  bank.Account account = 1;\n}\n");
  EXPECT_THAT(MistakesIn(folder, "bank_account.proto"),
              ElementsAre(HasSubstr("would have the include guard of that for "
                                    "bank/account.proto; rename one of the two "
                                    "files")));
}

TEST(MistakesTest, ParametersOfThePlugin) {
  const ProtoFolder folder;
  folder.Add("model.proto", kBegin + std::string(kAccount));
  const Outcome outcome =
      GenerateFrom(folder.path(), {"model.proto"}, "lite:" + folder.path());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.output,
            "--stele_out: unknown parameter \"lite\"; --stele_out takes a "
            "folder only\n");
}

TEST(MistakesTest, WithoutSourcesOnlyTheFileIsKnown) {
  const ProtoFolder folder;
  folder.Add("model.proto",
             kBegin + std::string("message A { option (stele.event).of = "
                                  "\"B\"; }\n"));
  const std::string protoc = ShellQuoted(STELE_TEST_PROTOC);
  const std::string set = ShellQuoted(folder.path() + "/set");
  ASSERT_EQ(RunCommand(protoc + " -I " + ShellQuoted(folder.path()) + " -I " +
                       ShellQuoted(STELE_TEST_PROTO_DIR) +
                       " --include_imports -o " + set + " model.proto")
                .exit_code,
            0);
  const Outcome outcome = RunCommand(
      protoc + " --descriptor_set_in=" + set +
      " --plugin=protoc-gen-stele=" + ShellQuoted(STELE_TEST_PLUGIN) +
      " --stele_out=" + ShellQuoted(folder.path()) + " model.proto");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output,
              HasSubstr("\nmodel.proto: unknown aggregate \"B\"; "));
}

}  // namespace
}  // namespace stele::codegen
