// Every mistake that the plugin knows, made on purpose: the real protoc must
// fail, say where and what, and write nothing.

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Line 1 of every model here; what a test writes begins on line 2.
constexpr char kBegin[] =
    "syntax = \"proto3\"; package bank; import \"stele/options.proto\";\n";

// A right model, to be followed by wrong ones.
constexpr char kAccount[] = R"(
message Account { option (stele.aggregate).stream = "account"; }
message Open {
  option (stele.command).on = "Account";
  string account_id = 1 [(stele.id) = true];
}
message Opened {
  option (stele.event).of = "Account";
  string owner = 1;
  double rate = 2;
  int64 number = 3;
}
)";

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c;
    } else {
      lines.push_back(line);
      line.clear();
    }
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

// The mistakes in `wanted`, one of the files of `folder`.
std::vector<std::string> MistakesIn(const ProtoFolder& folder,
                                    const std::string& wanted) {
  const Outcome outcome = folder.Generate({wanted});
  std::vector<std::string> mistakes;
  for (const std::string& line : LinesOf(outcome.output)) {
    if (line.find("warning: Import") != std::string::npos) continue;
    mistakes.push_back(line);
  }
  if (mistakes.empty()) {
    EXPECT_EQ(outcome.exit_code, 0);
    return mistakes;
  }
  EXPECT_EQ(outcome.exit_code, 1);
  const std::size_t count = mistakes.size() - 1;
  EXPECT_EQ(mistakes[0], "--stele_out: " + std::to_string(count) +
                             (count == 1 ? " mistake" : " mistakes") +
                             " in the model, so nothing was generated:");
  mistakes.erase(mistakes.begin());
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/model.stele.h"));
  return mistakes;
}

// The mistakes in a file "model.proto" of `text` after kBegin.
std::vector<std::string> MistakesIn(const std::string& text) {
  const ProtoFolder folder;
  folder.Add("model.proto", kBegin + text);
  return MistakesIn(folder, "model.proto");
}

// The mistakes in `text` when it follows the right model; its first line is 2.
std::vector<std::string> MistakesBesideAccount(const std::string& text) {
  return MistakesIn(text + kAccount);
}

TEST(MistakesTest, ARightModelHasNone) {
  EXPECT_THAT(MistakesIn(kAccount), IsEmpty());
}

// ---- Names that mean nothing
// ----------------------------------------------------

TEST(MistakesTest, UnknownAggregate) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Close {
  option (stele.command).on = "Acount";
  string account_id = 1 [(stele.id) = true];
}
message Closed {
  option (stele.event) = { of: "Ledger" };
})"),
      ElementsAre(
          "model.proto:3:3: unknown aggregate \"Acount\"; did you mean "
          "\"Account\"?",
          "model.proto:7:3: unknown aggregate \"Ledger\"; write the "
          "name of an aggregate of this file, or "
          "\".package.Aggregate\" for one whose file imports this one"));
}

TEST(MistakesTest, EventOfNoAggregate) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Closed {
  option (stele.event).public = true;
}
message Close {
  option (stele.command).creates = true;
  string account_id = 1 [(stele.id) = true];
})"),
      ElementsAre("model.proto:3:3: event \"Closed\" belongs to no aggregate; "
                  "write option (stele.event).of = \"<aggregate>\"",
                  "model.proto:6:3: command \"Close\" belongs to no aggregate; "
                  "write option (stele.command).on = \"<aggregate>\""));
}

TEST(MistakesTest, EventOfSomethingElse) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Note { string text = 1; }
message Closed {
  option (stele.event).of = "Note";
})"),
      ElementsAre("model.proto:4:3: \"Note\" is not an aggregate; write option "
                  "(stele.aggregate) = { stream: \"note\" } in Note, or name "
                  "another message"));
}

TEST(MistakesTest, UnknownEventsAndCommands) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Balance {
  option (stele.projection) = { table: "balance" from: [ "Openned", "Open" ] };
  string account_id = 1 [(stele.id) = true];
}
message Watch {
  option (stele.saga) = {
    starts_on { event: "Opened" }
    on { event: "Gone" }
    sends: [ "Opne", "Opened" ]
  };
  string account_id = 1 [(stele.id) = true];
})"),
      ElementsAre(
          "model.proto:3:3: unknown event \"Openned\"; did you mean "
          "\"Opened\"?",
          "model.proto:3:3: \"Open\" is not an event; write option "
          "(stele.event).of = \"<aggregate>\" in Open, or name another "
          "message",
          "model.proto:7:3: unknown event \"Gone\"; write the name of an "
          "event of this file or of one it imports",
          "model.proto:7:3: unknown command \"Opne\"; did you mean "
          "\"Open\"?",
          "model.proto:7:3: \"Opened\" is not a command; write option "
          "(stele.command).on = \"<aggregate>\" in Opened, or name "
          "another message"));
}

TEST(MistakesTest, UnknownField) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Balance {
  option (stele.projection) = {
    table: "balance"
    on { event: "Opened" by: "ownr" }
  };
  string owner = 1 [(stele.id) = true];
}
message Watch {
  option (stele.saga).starts_on = { event: "Opened" by: "customer" };
  string owner = 1 [(stele.id) = true];
})"),
      ElementsAre(
          "model.proto:3:3: event \"Opened\" has no field \"ownr\"; did "
          "you mean by: \"owner\"?",
          "model.proto:10:3: event \"Opened\" has no field "
          "\"customer\"; name one of its fields in `by`, or leave `by` "
          "out to use the id of the event's stream"));
}

// ---- Ids
// ------------------------------------------------------------------------

TEST(MistakesTest, MissingIds) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Close {
  option (stele.command).on = "Account";
}
message Balance {
  option (stele.projection) = { table: "balance" from: "Opened" };
}
message Watch {
  option (stele.saga).starts_on = { event: "Opened" };
})"),
      ElementsAre(
          "model.proto:2:1: command \"Close\" does not say which "
          "instance it is for; mark the field that does with "
          "[(stele.id) = true]",
          "model.proto:5:1: read model \"Balance\" has no id to find its "
          "rows by; mark a field with [(stele.id) = true]",
          "model.proto:8:1: saga \"Watch\" has no id to find its "
          "instances by; mark a field with [(stele.id) = true]"));
}

TEST(MistakesTest, SecondIds) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Close {
  option (stele.command).on = "Account";
  string account_id = 1 [(stele.id) = true];
  string bank_id = 2 [(stele.id) = true];
}
message Balance {
  option (stele.projection) = { table: "balance" from: "Opened" };
  string account_id = 1 [(stele.id) = true];
  string bank_id = 2 [(stele.id) = true];
}
message Watch {
  option (stele.saga).starts_on = { event: "Opened" };
  string account_id = 1 [(stele.id) = true];
  string bank_id = 2 [(stele.id) = true];
})"),
      ElementsAre("model.proto:5:23: command \"Close\" has a second id, "
                  "\"bank_id\", beside \"account_id\"; mark one field only",
                  "model.proto:10:23: read model \"Balance\" has a second id, "
                  "\"bank_id\", beside \"account_id\"; mark one field only, or "
                  "write sql: true and keep the table in SQL",
                  "model.proto:15:23: saga \"Watch\" has a second id, "
                  "\"bank_id\", beside \"account_id\"; mark one field only"));
}

TEST(MistakesTest, IdsThatCannotBeKeys) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message A {
  option (stele.command).on = "Account";
  double id = 1 [(stele.id) = true];
}
message B {
  option (stele.command).on = "Account";
  repeated string id = 1 [(stele.id) = true];
}
message C {
  option (stele.command).on = "Account";
  oneof which { string id = 1 [(stele.id) = true]; }
}
message D {
  option (stele.projection) = { table: "d" from: "Opened" };
  A id = 1 [(stele.id) = true];
}
message E {
  option (stele.saga).starts_on = { event: "Opened" };
  bytes id = 1 [(stele.id) = true];
}
message F {
  option (stele.projection) = { table: "f" from: "Opened" sql: true };
  bool ok = 1 [(stele.id) = true];
  map<string, string> id = 2 [(stele.id) = true];
})"),
      ElementsAre(
          "model.proto:4:18: field \"id\", a double, cannot be an id; "
          "make it a string or an integer",
          "model.proto:8:27: field \"id\", a repeated string, cannot be "
          "an id; make it a string or an integer",
          "model.proto:12:32: field \"id\", a member of a oneof, cannot "
          "be an id; make it a string or an integer",
          "model.proto:16:13: field \"id\", a message, cannot be an id; "
          "make it a string or an integer",
          "model.proto:20:17: field \"id\", bytes, cannot be an id; make "
          "it a string or an integer",
          "model.proto:25:31: field \"id\", a map, cannot be part of a "
          "primary key; make it a string, an integer, a bool, bytes, an "
          "enum or a google.protobuf.Timestamp"));
}

TEST(MistakesTest, KeysThatDoNotFit) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Balance {
  option (stele.projection) = { table: "balance" from: "Opened" };
  int64 number = 1 [(stele.id) = true];
}
message Small {
  option (stele.saga).starts_on = { event: "Opened" by: "number" };
  int32 number = 1 [(stele.id) = true];
}
message Rate {
  option (stele.saga).starts_on = { event: "Opened" by: "rate" };
  string rate = 1 [(stele.id) = true];
})"),
      ElementsAre(
          "model.proto:3:3: the key that read model \"Balance\" gets "
          "from \"Opened\", a string, does not always fit its id "
          "\"number\", an int64; make \"number\" a string",
          "model.proto:7:3: the key that saga \"Small\" gets from "
          "\"Opened\", an int64, does not always fit its id \"number\", "
          "an int32; make \"number\" a string",
          "model.proto:11:3: field \"rate\" of \"Opened\", a double, "
          "cannot find what the event is about; name a field that is a "
          "string or an integer"));
}

TEST(MistakesTest, IdsWhereTheyMeanNothing) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Closed {
  option (stele.event).of = "Account";
  string account_id = 1 [(stele.id) = true];
}
message Note {
  string note_id = 1 [(stele.id) = true];
})"),
      ElementsAre(
          "model.proto:4:26: (stele.id) means nothing in \"Closed\"; "
          "remove it; the id of an event is in the name of its stream",
          "model.proto:7:23: (stele.id) means nothing in \"Note\"; "
          "remove it; only commands, read models and sagas have an id"));
}

// ---- Names that are wrong or taken
// ----------------------------------------------

TEST(MistakesTest, BadNames) {
  EXPECT_THAT(
      MistakesIn(R"(message A {
  option (stele.aggregate).stream = "bank-account";
}
message B {
  option (stele.aggregate).snapshot_every = 3000000000;
}
message C {
  option (stele.aggregate).stream = "saga_c";
}
message AHappened {
  option (stele.event) = { of: "A" name: "a happened" };
}
message BHappened {
  option (stele.event) = { of: "B" name: "stele.B" };
}
message CHappened {
  option (stele.event) = { of: "C" public: true topic: "c.*" };
}
message Rows {
  option (stele.projection) = { table: "My Rows" from: "AHappened" };
  string id = 1 [(stele.id) = true];
}
message NoRows {
  option (stele.projection) = { from: "AHappened" };
  string id = 1 [(stele.id) = true];
}
message Watch {
  option (stele.saga) = {
    starts_on { event: "AHappened" }
    timers: [ "TimeOut", "late", "late" ]
  };
  string id = 1 [(stele.id) = true];
})"),
      ElementsAre(
          "model.proto:3:3: bad stream category \"bank-account\"; begin with a "
          "letter and go on with letters, digits and underscores, e.g. "
          "\"bank_account\"",
          "model.proto:6:3: aggregate \"B\" has no stream category; write "
          "stream: \"b\"",
          "model.proto:6:3: snapshot_every: 3000000000 is too large; write at "
          "most 2147483647, or 0 for no snapshots",
          "model.proto:9:3: stream category \"saga_c\" is kept for the streams "
          "of sagas; choose a name that does not begin with \"saga_\"",
          "model.proto:12:3: bad stored name \"a happened\"; write words of "
          "letters, digits and underscores with dots between them, e.g. "
          "\"bank.AHappened\"",
          "model.proto:15:3: stored name \"stele.B\" is kept for Stele's own "
          "events; choose a name that does not begin with \"stele.\"",
          "model.proto:18:3: bad topic \"c.*\"; use letters, digits, \"_\", "
          "\"-\" and single dots inside",
          "model.proto:21:3: bad table name \"My Rows\"; use small letters, "
          "digits and underscores, at most 48, e.g. \"my_rows\"",
          "model.proto:25:3: read model \"NoRows\" has no table; write table: "
          "\"no_rows\"",
          "model.proto:29:3: bad timer name \"TimeOut\"; use small letters, "
          "digits and underscores, e.g. \"time_out\"",
          "model.proto:29:3: saga \"Watch\" has timer \"late\" twice; list it "
          "once"));
}

TEST(MistakesTest, NamesUsedTwice) {
  EXPECT_THAT(
      MistakesIn(R"(message A { option (stele.aggregate).stream = "a"; }
message B { option (stele.aggregate).stream = "a"; }
message AHappened { option (stele.event).of = "A"; }
message AAgain { option (stele.event) = { of: "A" name: "bank.AHappened" }; }
message BHappened { option (stele.event).of = "B"; }
message Rows {
  option (stele.projection) = { table: "rows" from: "AHappened" };
  string id = 1 [(stele.id) = true];
}
message MoreRows {
  option (stele.projection) = { table: "rows" from: "AHappened" };
  string id = 1 [(stele.id) = true];
})"),
      ElementsAre(
          "model.proto:3:13: stream category \"a\" is taken by bank.A "
          "(model.proto:2); choose another",
          "model.proto:5:18: stored name \"bank.AHappened\" is taken by "
          "bank.AHappened (model.proto:4); choose another; a stored "
          "name is never used again",
          "model.proto:12:3: table \"rows\" is taken by bank.Rows "
          "(model.proto:7); choose another"));
}

TEST(MistakesTest, SagasAndReadModelsOfOneNameInTwoPackages) {
  const ProtoFolder folder;
  const std::string parts = R"(
message Watch {
  option (stele.saga).starts_on = { event: ".bank.Opened" };
  string id = 1 [(stele.id) = true];
}
message Rows {
  option (stele.projection) = { table: "TABLE" from: ".bank.Opened" };
  string id = 1 [(stele.id) = true];
})";
  const auto with_table = [&parts](const std::string& table) {
    std::string text = parts;
    text.replace(text.find("TABLE"), 5, table);
    return text;
  };
  folder.Add("account.proto",
             kBegin + std::string(kAccount) + with_table("rows"));
  folder.Add("model.proto",
             "syntax = \"proto3\"; package shop; import \"account.proto\"; "
             "import \"stele/options.proto\";" +
                 with_table("more_rows"));
  EXPECT_THAT(MistakesIn(folder, "model.proto"),
              ElementsAre("model.proto:2:1: saga \"Watch\" is taken by "
                          "bank.Watch (account.proto:15); rename one of them",
                          "model.proto:6:1: read model \"Rows\" is taken by "
                          "bank.Rows (account.proto:19); rename one of them"));
}

TEST(MistakesTest, NamesThatGeneratedCodeDefines) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message AccountClient { string name = 1; }
enum OpenFields { MakeOpened = 0; }
message Watch {
  option (stele.saga) = {
    starts_on { event: "Opened" }
    timers: [ "late" ]
  };
  string id = 1 [(stele.id) = true];
}
message WatchLate {}
message Outer { message Inner {} }
message std {})"),
      ElementsAre(
          "model.proto:4:1: code for bank.Watch would define \"WatchLate\", "
          "which is message bank.WatchLate (model.proto:11) already; rename "
          "one of the two",
          "model.proto:13:1: message bank.std would hide the namespace "
          "\"std\"; "
          "rename it",
          "model.proto:14:1: code for bank.Account would define "
          "\"AccountClient\", which is message bank.AccountClient "
          "(model.proto:2) already; rename one of the two",
          "model.proto:15:1: code for bank.Open would define \"OpenFields\", "
          "which is name OpenFields (model.proto:3) already; rename one of the "
          "two",
          "model.proto:19:1: code for bank.Opened would define "
          "\"MakeOpened\", which is name MakeOpened (model.proto:3) already; "
          "rename one of the two"));
}

TEST(MistakesTest, TimersThatBecomeOneName) {
  EXPECT_THAT(MistakesBesideAccount(R"(message Watch {
  option (stele.saga) = {
    starts_on { event: "Opened" }
    timers: [ "late_1", "late1" ]
  };
  string id = 1 [(stele.id) = true];
})"),
              ElementsAre("model.proto:2:1: code for bank.Watch would define "
                          "\"WatchLate1\", which is code for bank.Watch "
                          "(model.proto:2) already; rename one of the two"));
}

TEST(MistakesTest, PackagesThatHideNamespaces) {
  const ProtoFolder folder;
  folder.Add("model.proto",
             "syntax = \"proto3\";\npackage shop.stele;\nimport "
             "\"stele/options.proto\";\nmessage A { option "
             "(.stele.aggregate).stream = \"a\"; }\nmessage B { option "
             "(.stele.event).of = \"A\"; }\n");
  EXPECT_THAT(MistakesIn(folder, "model.proto"),
              ElementsAre("model.proto:2:1: package \"shop.stele\" would hide "
                          "the namespace \"stele\"; choose another package "
                          "name"));
}

// ---- Parts that are wrong as a whole
// --------------------------------------------

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

// ---- Several files
// --------------------------------------------------------------

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

}  // namespace
}  // namespace stele::codegen
