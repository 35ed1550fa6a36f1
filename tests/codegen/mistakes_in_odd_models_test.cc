// Models that protoc accepts, but of which no program could be built or run.

#include <string>

#include "gmock/gmock.h"
#include "mistakes.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Line(const std::string& message) {
  return "message " + message + "\n";
}

// ---- What Protocol Buffers would make broken C++ of -------------------------

TEST(OddModelTest, FieldsThatCannotBeAccessors) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message move {
  option (stele.event).of = "Account";
  string move = 1;
}
message Closed {
  option (stele.event).of = "Account";
  string descriptor = 1;
  repeated int32 default_instance = 2;
  bool errno = 3;
  bool linux = 4;
}
message Note { string assert = 1; })"),
      ElementsAre("model.proto:4:3: field \"move\" has the name of its "
                  "message, which C++ keeps for constructors; rename it",
                  "model.proto:8:3: field \"descriptor\" has the name of a "
                  "function that every message has; rename it",
                  "model.proto:9:3: field \"default_instance\" has the name of "
                  "a function that every message has; rename it",
                  "model.proto:10:3: field \"errno\" has the name of a macro; "
                  "rename it",
                  "model.proto:11:3: field \"linux\" has the name of a macro; "
                  "rename it",
                  "model.proto:13:16: field \"assert\" has the name of a "
                  "macro; rename it"));
}

TEST(OddModelTest, MessagesNamedLikeMacros) {
  EXPECT_THAT(MistakesBesideAccount("message unix {}"),
              ElementsAre("model.proto:2:1: message \"unix\" has the name of a "
                          "macro; rename it"));
}

TEST(OddModelTest, PackagesWithWordsThatCppReserves) {
  const ProtoFolder folder;
  folder.Add("model.proto",
             "syntax = \"proto3\";\npackage shop.new.v1;\n"
             "import \"stele/options.proto\";\n" +
                 std::string(kAccount));
  EXPECT_THAT(MistakesIn(folder, "model.proto"),
              ElementsAre("model.proto:2:1: package \"shop.new.v1\" has the "
                          "part \"new\", which C++ reserves; choose another "
                          "package name"));
}

TEST(OddModelTest, MessagesWithoutDescriptors) {
  const ProtoFolder folder;
  folder.Add("model.proto", kBegin +
                                std::string("option optimize_for = "
                                            "LITE_RUNTIME;\n") +
                                kAccount);
  EXPECT_THAT(MistakesIn(folder, "model.proto"),
              ElementsAre("model.proto:2:1: LITE_RUNTIME leaves out what Stele "
                          "reads of messages; remove the option "
                          "optimize_for"));
}

// ---- Names in generated code ------------------------------------------------

TEST(OddModelTest, CommandsThatCannotBeMethods) {
  const ProtoFolder folder;
  folder.Add("commands.proto",
             "syntax = \"proto3\"; package shop; import "
             "\"stele/options.proto\";\n"
             "message AccountClient {\n"
             "  option (stele.command).on = \".bank.Account\";\n"
             "  string id = 1 [(stele.id) = true];\n}\n");
  folder.Add("model.proto", kBegin +
                                std::string("import \"commands.proto\";\n"
                                            "message dispatcher_ {\n"
                                            "  option (stele.command).on = "
                                            "\"Account\";\n"
                                            "  string id = 1 [(stele.id) = "
                                            "true];\n}\n") +
                                kAccount);
  EXPECT_THAT(
      MistakesIn(folder, "model.proto"),
      ElementsAre("commands.proto:2:1: command \"shop.AccountClient\" cannot "
                  "be a method of AccountClient, which uses the name "
                  "otherwise; rename it",
                  "model.proto:3:1: command \"bank.dispatcher_\" cannot be a "
                  "method of AccountClient, which uses the name otherwise; "
                  "rename it"));
}

TEST(OddModelTest, CollisionsWithFilesThatAreIncludedIndirectly) {
  const ProtoFolder folder;
  folder.Add("account.proto", kBegin + std::string(kAccount));
  folder.Add("middle.proto",
             "syntax = \"proto3\"; package bank; import \"account.proto\"; "
             "message Middle { Account a = 1; }\n");
  folder.Add("model.proto",
             kBegin + std::string("import \"middle.proto\";\n"
                                  "message AccountClient {\n"
                                  "  Middle middle = 1;\n"
                                  "  option (stele.aggregate).stream = \"c\";\n"
                                  "}\nmessage Happened {\n"
                                  "  option (stele.event).of = "
                                  "\"AccountClient\";\n}\n"));
  EXPECT_THAT(MistakesIn(folder, "model.proto"),
              ElementsAre("model.proto:3:1: \"AccountClient\" is defined by "
                          "code for bank.Account (account.proto:3) already; "
                          "rename one of the two"));
}

TEST(OddModelTest, CollisionsOfFilesOfOnePackageGeneratedTogether) {
  const ProtoFolder folder;
  folder.Add("account.proto", kBegin + std::string(kAccount));
  folder.Add("model.proto",
             kBegin + std::string("message AccountClient {\n"
                                  "  option (stele.aggregate).stream = \"c\";\n"
                                  "}\nmessage Happened {\n"
                                  "  option (stele.event).of = "
                                  "\"AccountClient\";\n}\n"));
  const Outcome outcome = folder.Generate({"account.proto", "model.proto"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output,
              HasSubstr("1 mistake in the model, so nothing was generated:\n"
                        "model.proto:2:1: \"AccountClient\" is defined by code "
                        "for bank.Account (account.proto:3) already; rename "
                        "one of the two\n"));
}

// ---- Absolute names ---------------------------------------------------------

TEST(OddModelTest, AbsoluteNamesThatAreMisspelled) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message A { option (stele.event).of = "."; }
message B { option (stele.event).of = ".Account"; }
message C { option (stele.event).of = ".bank.Acount"; }
message D { option (stele.event).of = ".bank..Account"; }
message E {
  option (stele.command).on = ".Account";
  string id = 1 [(stele.id) = true];
})"),
      ElementsAre("model.proto:2:13: unknown aggregate \".\"; write "
                  "\".package.Aggregate\"",
                  "model.proto:3:13: unknown aggregate \".Account\"; did you "
                  "mean \"Account\"?",
                  "model.proto:4:13: unknown aggregate \".bank.Acount\"; did "
                  "you mean \"Account\"?",
                  "model.proto:5:13: unknown aggregate \".bank..Account\"; did "
                  "you mean \"Account\"?",
                  "model.proto:7:3: unknown aggregate \".Account\"; did you "
                  "mean \"Account\"?"));
}

TEST(OddModelTest, AbsoluteNamesMayBeOfFilesThatAreNotKnownHere) {
  EXPECT_THAT(MistakesBesideAccount(
                  "message A { option (stele.event).of = \".shop.Basket\"; }"),
              IsEmpty());
}

// ---- Text that is no name ---------------------------------------------------

TEST(OddModelTest, StringsThatTerminalsWouldObey) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message A {
  option (stele.event) = { of: "Account" name: "a\nb" };
}
message B {
  option (stele.event) = { of: "Account" name: "a\"b" };
}
message C {
  option (stele.event) = { of: "Account" public: true topic: "a\0b\033[31m" };
})"),
      ElementsAre("model.proto:3:3: bad stored name \"a\\nb\"; write words of "
                  "letters, digits and underscores with dots between them, at "
                  "most 256 bytes, e.g. \"bank.A\"",
                  "model.proto:6:3: bad stored name \"a\\\"b\"; write words of "
                  "letters, digits and underscores with dots between them, at "
                  "most 256 bytes, e.g. \"bank.B\"",
                  "model.proto:9:3: bad topic \"a\\000b\\033[31m\"; use "
                  "letters, digits, \"_\", \"-\" and single dots inside"));
}

TEST(OddModelTest, EntriesWithoutAName) {
  EXPECT_THAT(
      MistakesBesideAccount(R"(message Rows {
  option (stele.projection) = { table: "rows" from: "" on { by: "owner" } };
  string id = 1 [(stele.id) = true];
}
message Watch {
  option (stele.saga) = {
    starts_on { event: "Opened" } sends: "" timers: ""
  };
  string id = 1 [(stele.id) = true];
})"),
      ElementsAre("model.proto:3:3: \"Rows\" lists an event that has no name; "
                  "write the name of the event, or remove the entry",
                  "model.proto:3:3: \"Rows\" lists an event that has no name; "
                  "write the name of the event, or remove the entry",
                  "model.proto:7:3: \"Watch\" lists a command that has no "
                  "name; write the name of the command, or remove the entry",
                  "model.proto:7:3: bad timer name \"\"; use small letters, "
                  "digits and underscores, at most 128, e.g. \"timeout\""));
}

// ---- What could not be stored -----------------------------------------------

TEST(OddModelTest, NamesThatAreTooLong) {
  const std::string name(2000, 'L');
  EXPECT_THAT(
      MistakesBesideAccount(
          Line(name + " { option (stele.event).of = \"Account\"; }") +
          Line("R" + name + R"( {
  option (stele.projection) = { table: "rows" from: "Opened" };
  string id = 1 [(stele.id) = true];
})") + Line("S" + name + R"( {
  option (stele.saga).starts_on = { event: "Opened" };
  string id = 1 [(stele.id) = true];
})")),
      ElementsAre(
          "model.proto:2:1: the full name of event \"" + std::string(300, 'L') +
              "...\" is too long to be stored; give it another with name: "
              "\"...\", at most 256 bytes",
          "model.proto:3:1: read model \"R" + std::string(299, 'L') +
              "...\" has too long a name; rename it; at most 40 bytes",
          "model.proto:7:1: saga \"S" + std::string(299, 'L') +
              "...\" has too long a name; rename it; at most 128 bytes"));
}

TEST(OddModelTest, FieldsThatCannotBeColumns) {
  EXPECT_THAT(
      MistakesBesideAccount("message Rows {\n"
                            "  option (stele.projection) = { table: \"rows\" "
                            "from: \"Opened\" };\n"
                            "  optional string id = 1 [(stele.id) = true];\n"
                            "  string xmin = 2;\n"
                            "  string " +
                            std::string(64, 'c') + " = 3;\n}\n"),
      ElementsAre("model.proto:4:27: field \"id\" can be absent, so it cannot "
                  "be part of a primary key; make it a field of proto3 without "
                  "`optional`",
                  "model.proto:5:3: field \"xmin\" cannot be the name of a "
                  "column; rename it; at most 63 bytes, and none of the names "
                  "that PostgreSQL gives columns of its own",
                  HasSubstr("model.proto:6:3: field \"cccc")));
}

TEST(OddModelTest, TimestampsInPrimaryKeys) {
  const ProtoFolder folder;
  folder.Add("model.proto",
             kBegin +
                 std::string("import \"google/protobuf/timestamp.proto\";\n"
                             "message Rows {\n"
                             "  option (stele.projection) = { table: \"rows\" "
                             "from: \"Opened\" sql: true };\n"
                             "  google.protobuf.Timestamp at = 1 "
                             "[(stele.id) = true];\n}\n") +
                 kAccount);
  EXPECT_THAT(MistakesIn(folder, "model.proto"),
              ElementsAre(HasSubstr("cannot be part of a primary key; make it "
                                    "a string, an integer, a bool, bytes or an "
                                    "enum")));
}

TEST(OddModelTest, TwentyMistakesAreAllReported) {
  std::string text;
  for (int i = 0; i < 20; ++i) {
    text += Line("E" + std::to_string(i) +
                 " { option (stele.event).of = \"Nothing\"; }");
  }
  EXPECT_THAT(MistakesBesideAccount(text), SizeIs(20));
}

}  // namespace
}  // namespace stele::codegen
