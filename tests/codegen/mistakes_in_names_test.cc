// Names that mean nothing, are wrong, or are taken.

#include <string>

#include "gmock/gmock.h"
#include "mistakes.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

using ::testing::ElementsAre;

// ---- Names that mean nothing ------------------------------------------------

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

// ---- Names that are wrong or taken ------------------------------------------

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
          "letters, digits and underscores with dots between them, at most 256 "
          "bytes, e.g. \"bank.AHappened\"",
          "model.proto:15:3: stored name \"stele.B\" is kept for Stele's own "
          "events; choose a name that does not begin with \"stele.\"",
          "model.proto:18:3: bad topic \"c.*\"; use letters, digits, \"_\", "
          "\"-\" and single dots inside",
          "model.proto:21:3: bad table name \"My Rows\"; use small letters, "
          "digits and underscores, at most 40, e.g. \"my_rows\"",
          "model.proto:25:3: read model \"NoRows\" has no table; write table: "
          "\"no_rows\"",
          "model.proto:29:3: bad timer name \"TimeOut\"; use small letters, "
          "digits and underscores, at most 128, e.g. \"time_out\"",
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

}  // namespace
}  // namespace stele::codegen
