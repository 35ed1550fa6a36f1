// Compiles code generated from models that nobody would think of, as the own
// code of a user who takes every warning for an error.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

// Proto files by name, generated into two folders: the headers of Stele are
// the user's own code, those of Protocol Buffers are of a library.
class UserBuild {
 public:
  void Add(const std::string& name, const std::string& text) {
    folder_.Add(name, text);
    names_.push_back(name);
  }

  Outcome Generate() const {
    folder_.Add("pb/.keep", "");
    folder_.Add("stele/.keep", "");
    std::string command =
        ShellQuoted(STELE_TEST_PROTOC) + " -I " + ShellQuoted(folder_.path()) +
        " -I " + ShellQuoted(STELE_TEST_PROTO_DIR) +
        " --plugin=protoc-gen-stele=" + ShellQuoted(STELE_TEST_PLUGIN) +
        " --cpp_out=" + ShellQuoted(folder_.path() + "/pb") +
        " --stele_out=" + ShellQuoted(folder_.path() + "/stele");
    for (const std::string& name : names_) command += " " + ShellQuoted(name);
    return RunCommand(command);
  }

  // Includes the headers of all files, and then `code`.
  Outcome Compile(const std::string& code) const {
    std::string source;
    for (const std::string& name : names_) {
      source +=
          "#include \"" + name.substr(0, name.rfind('.')) + ".stele.h\"\n";
    }
    folder_.Add("user.cc", source + code);
    std::string command =
        "LC_ALL=C " + ShellQuoted(STELE_TEST_CXX) +
        " -std=gnu++20 -fsyntax-only -Wall -Wextra -Wshadow -Wconversion "
        "-Werror -I " +
        ShellQuoted(folder_.path() + "/stele") + " -isystem " +
        ShellQuoted(folder_.path() + "/pb");
    for (const std::string include : {STELE_TEST_INCLUDES}) {
      command += " -isystem " + ShellQuoted(include);
    }
    return RunCommand(command + " " + ShellQuoted(folder_.path() + "/user.cc"));
  }

 private:
  const ProtoFolder folder_;
  std::vector<std::string> names_;
};

std::string Begin(const std::string& package) {
  return "syntax = \"proto3\"; package " + package +
         "; import \"stele/options.proto\";\n";
}

// An aggregate of `category`, with a command and an event.
std::string Account(const std::string& category) {
  return R"(
message Account { option (stele.aggregate).stream = ")" +
         category + R"("; }
message Open {
  option (stele.command).on = "Account";
  string account_id = 1 [(stele.id) = true];
}
message Opened { option (stele.event).of = "Account"; string owner = 1; }
)";
}

// A command on, or an event of, Account.
std::string Command(const std::string& name) {
  return "message " + name +
         " { option (stele.command).on = \"Account\"; string account_id = 1 "
         "[(stele.id) = true]; }\n";
}

std::string Event(const std::string& name, const std::string& fields = "") {
  return "message " + name + " { option (stele.event).of = \"Account\"; " +
         fields + " }\n";
}

TEST(OddModelsTest, TheGoldensCompileWithoutWarnings) {
  UserBuild build;
  for (const std::string name :
       {"bank/account.proto", "kitchen/kitchen.proto", "kitchen/pantry.proto",
        "kitchen/reports.proto", "minimal.proto", "plain.proto"}) {
    build.Add(name, ReadFile(std::string(STELE_TEST_GOLDEN_DIR) + "/" + name));
  }
  const Outcome generated = build.Generate();
  ASSERT_EQ(generated.exit_code, 0) << generated.output;
  const Outcome compiled = build.Compile("");
  EXPECT_EQ(compiled.exit_code, 0) << compiled.output;
  EXPECT_EQ(compiled.output, "");
}

TEST(OddModelsTest, NamesThatGeneratedCodeUsesItself) {
  UserBuild build;
  build.Add("keywords.proto", Begin("keywords") + Account("keywords") +
                                  Command("delete") + Event("register") +
                                  Event("new", "string class = 1;") + R"(
message union { option (stele.aggregate).stream = "u"; }
message while { option (stele.event).of = "union"; }
message if {
  option (stele.command).on = "union";
  int64 for = 1 [(stele.id) = true];
}
message switch {
  option (stele.projection) = { table: "sw" on { event: "new" by: "class" } };
  string case = 1 [(stele.id) = true];
}
message goto {
  option (stele.saga) = {
    starts_on { event: "new" by: "class" } sends: "delete" timers: "if"
  };
  string case = 1 [(stele.id) = true];
})");
  build.Add("locals.proto",
            Begin("locals") + Account("locals") + Command("open") +
                Event("opened") + Event("state") + Event("next") +
                Event("fields", "string message = 1;") +
                Event("message",
                      "fields a = 1; repeated fields value = 2; map<string, "
                      ".locals.message> key = 3;") +
                R"(
message saga {
  option (stele.saga) = {
    starts_on { event: "opened" } on { event: "Opened" }
    sends: [ "open", "Open" ]
  };
  string id = 1 [(stele.id) = true];
}
message row {
  option (stele.projection) = { table: "r" from: [ "opened", "Opened" ] };
  string id = 1 [(stele.id) = true];
}
message target {
  option (stele.projection) = { table: "t" sql: true from: [ "Opened" ] };
  string id = 1 [(stele.id) = true];
})");
  build.Add("library.proto",
            Begin("library") + Account("library") + Command("Dispatcher") +
                Command("DispatchOptions") + Command("options") +
                Command("Receipt") + Event("Recorded") + Event("Decision") +
                Event("Event") + Event("Visitor") + Event("Stele") +
                Event("Std") + Event("move", "string a = 1;") +
                Event("T", "T t = 1;") +
                Event("string", "repeated string vector = 1;") +
                Event("vector", "vector std = 1; string absl = 2;") + R"(
message Next {
  option (stele.saga) = { starts_on { event: "Opened" } on { event: "T" } };
  string id = 1 [(stele.id) = true];
}
message library {
  option (stele.projection) = { table: "k" from: [ "Recorded", "T", "Std" ] };
  string key = 1 [(stele.id) = true];
})");
  build.Add("macros.proto", Begin("macros") + Account("macros") +
                                Event("Errno") + Event("Linux") +
                                Event("Unix") + Event("Assert"));
  // The maker and the fields of Open are called like methods of the client.
  build.Add("methods.proto", Begin("methods") + R"(
message MakeOpen {
  option (stele.command).on = ".pairs.Account";
  string id = 1 [(stele.id) = true];
}
message Opened { option (stele.event).of = ".pairs.Account"; }
)");
  build.Add("pairs.proto",
            Begin("pairs") + "import \"methods.proto\";\n" + Account("pairs"));
  const Outcome generated = build.Generate();
  ASSERT_EQ(generated.exit_code, 0) << generated.output;
  const Outcome compiled = build.Compile(R"(
const keywords::delete_ made = keywords::Makedelete({.account_id = "1"});
)");
  EXPECT_EQ(compiled.exit_code, 0) << compiled.output;
}

TEST(OddModelsTest, WhatCompilersWarnOf) {
  UserBuild build;
  build.Add("deprecated.proto", Begin("deprecated") + Account("deprecated") +
                                    R"(
enum Kind { option deprecated = true; KIND_UNSPECIFIED = 0; }
message Gone {
  option deprecated = true;
  option (stele.command).on = "Account";
  string account_id = 1 [(stele.id) = true, deprecated = true];
}
message Old {
  option deprecated = true;
  option (stele.event).of = "Account";
  string a = 1 [deprecated = true];
  optional int32 b = 2 [deprecated = true];
  repeated string c = 3 [deprecated = true];
  map<string, string> d = 4 [deprecated = true];
  Kind e = 5;
}
message Rows {
  option (stele.projection) = { table: "r" on { event: "Old" by: "a" } };
  string key = 1 [(stele.id) = true, deprecated = true];
})");
  // Reads a field that another file says is deprecated.
  build.Add("reader.proto",
            Begin("reader") + "import \"deprecated.proto\";\n" + R"(
message Watch {
  option (stele.saga).starts_on = { event: ".deprecated.Old" by: "a" };
  string id = 1 [(stele.id) = true];
})");
  build.Add("comments.proto",
            Begin("comments") + Account("comments") +
                "// */ and /* and ?"
                "?/\n"
                "// " +
                std::string(73, 'x') + " \\ begins the next line\n" +
                "// unpaired \xE2\x80\xAE bidi \xE2\x81\xA6 characters, a "
                "backslash \\\n" +
                Event("Closed", "string a = 1;  // \x01 and R\"(\n"));
  build.Add("extensions.proto",
            Begin("extensions") +
                "import \"google/protobuf/descriptor.proto\";\n"
                "extend google.protobuf.MessageOptions {\n"
                "  string message = 60000; string fields = 60001;\n"
                "  string value = 60002; string key = 60003;\n"
                "  string options = 60004; string dispatcher = 60005;\n"
                "  string opened = 60006; string state = 60007;\n}\n" +
                Account("extensions") +
                Event("Closed", "map<string, string> a = 1;"));
  build.Add("proto2.proto", R"(syntax = "proto2"; package two;
import "stele/options.proto";
message Account { option (stele.aggregate).stream = "two"; }
message Open {
  option (stele.command).on = "Account";
  required uint32 account_id = 1 [(stele.id) = true];
}
message Opened {
  option (stele.event).of = "Account";
  required string a = 1 [default = "hi"];
  repeated int32 b = 2 [packed = true];
  optional Opened c = 3;
  oneof d { string e = 4; int32 f = 5; }
  extensions 100 to 200;
}
message Other {
  option (stele.saga).starts_on = { event: "Opened" };
  required int64 id = 1 [(stele.id) = true];
})");
  build.Add("old/9 a-b.v1.protodevel",
            Begin("a.b.c.d.e.f.g.h.i.j.k.l") + Account("nine"));
  std::string crlf;
  for (const char c : "// A comment \\\n" + Begin("crlf") + Account("crlf")) {
    crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  }
  build.Add("crlf.proto", crlf);
  const Outcome generated = build.Generate();
  ASSERT_EQ(generated.exit_code, 0) << generated.output;
  const Outcome compiled = build.Compile("");
  EXPECT_EQ(compiled.exit_code, 0) << compiled.output;
}

TEST(OddModelsTest, FilesWithoutAModel) {
  UserBuild build;
  build.Add("empty.proto", "syntax = \"proto3\";\n");
  build.Add("enum.proto",
            "syntax = \"proto3\"; package e; enum E { E_A = 0; }\n");
  const Outcome generated = build.Generate();
  ASSERT_EQ(generated.exit_code, 0) << generated.output;
  const Outcome compiled = build.Compile("");
  EXPECT_EQ(compiled.exit_code, 0) << compiled.output;
}

TEST(OddModelsTest, CommentsThatAreNotUtf8StayReadable) {
  const ProtoFolder folder;
  folder.Add("model.proto", Begin("bank") + Account("account") +
                                "// caf\xE9 \xFF \xC3\xA9\n" + Event("Shut"));
  ASSERT_EQ(folder.Generate({"model.proto"}).exit_code, 0);
  const std::string header = ReadFile(folder.path() + "/model.stele.h");
  EXPECT_NE(header.find("// caf\xEF\xBF\xBD \xEF\xBF\xBD \xC3\xA9\n"),
            std::string::npos)
      << header;
}

}  // namespace
}  // namespace stele::codegen
