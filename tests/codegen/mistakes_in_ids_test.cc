// Ids that are missing, too many, or cannot be.

#include <string>

#include "gmock/gmock.h"
#include "mistakes.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

using ::testing::ElementsAre;

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
          "primary key; make it a string, an integer, a bool, bytes or an "
          "enum"));
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

}  // namespace
}  // namespace stele::codegen
