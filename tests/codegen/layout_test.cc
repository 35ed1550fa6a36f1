#include "emit/layout.h"

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

TEST(LayoutTest, LeavesShortLinesAlone) {
  EXPECT_EQ(LayOut("int a = 0;\n\n// A comment."),
            "int a = 0;\n\n// A comment.");
}

TEST(LayoutTest, WrapsCommentsBetweenWords) {
  EXPECT_EQ(
      LayOut("  // " + std::string(40, 'a') + " " + std::string(40, 'b') +
             " c"),
      "  // " + std::string(40, 'a') + "\n  // " + std::string(40, 'b') + " c");
  const std::string unbreakable = "// " + std::string(100, 'a');
  EXPECT_EQ(LayOut(unbreakable), unbreakable);
}

TEST(LayoutTest, SpreadsFunctionsThatDoNotFit) {
  const std::string name(70, 'f');
  EXPECT_EQ(LayOut("void " + name + "() { return; }"),
            "void " + name + "() {\n  return;\n}");
}

TEST(LayoutTest, RemovesBlankLinesThatClangFormatWould) {
  EXPECT_EQ(LayOut("struct A {\n\n  int a;\n\n\n  int b;\n\n};"),
            "struct A {\n  int a;\n\n  int b;\n};");
}

// ---- Random models, against the real clang-format ---------------------------

class ModelWriter {
 public:
  explicit ModelWriter(std::uint32_t seed) : random_(seed) {}

  std::string Write() {
    const std::string aggregate = TypeName();
    std::string text = "syntax = \"proto3\";\npackage " + FieldName(3, 9) +
                       "x;\nimport \"stele/options.proto\";\nmessage " +
                       aggregate +
                       " { option (stele.aggregate).stream = \"a\"; }\n";
    std::vector<std::string> commands;
    std::vector<std::string> events;
    for (int i = Pick(1, 5); i > 0; --i) {
      commands.push_back(TypeName());
      text += "message " + commands.back() +
              " { option (stele.command).on = \"" + aggregate + "\"; string " +
              FieldName(3, 24) + "_id = 1 [(stele.id) = true]; " + Fields() +
              "}\n";
    }
    for (int i = Pick(1, 9); i > 0; --i) {
      events.push_back(TypeName());
      text += "message " + events.back() + " { option (stele.event).of = \"" +
              aggregate + "\"; " + Fields() + "}\n";
    }
    text += "message " + TypeName() +
            " { option (stele.projection) = { table: \"t\" from: [" +
            List(events) + "] " + (Pick(0, 1) == 0 ? "sql: true" : "") +
            " }; string " + FieldName(3, 24) + " = 1 [(stele.id) = true]; }\n";
    text += "message " + TypeName() +
            " { option (stele.saga) = { starts_on { event: \"" + events[0] +
            "\" } sends: [" + List(commands) + "] timers: [\"" +
            FieldName(3, 20) + "\"] }; string " + FieldName(3, 24) +
            " = 1 [(stele.id) = true]; }\n";
    return text;
  }

 private:
  int Pick(int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random_);
  }

  std::string Word(int from, int to) {
    std::string word;
    for (int i = Pick(from, to); i > 0; --i) {
      word += static_cast<char>('a' + Pick(0, 25));
    }
    return word;
  }

  std::string TypeName() {
    std::string name;
    do {
      name.clear();
      for (int i = Pick(1, 3); i > 0; --i) {
        std::string word = Word(3, 8);
        word[0] = static_cast<char>(word[0] - 'a' + 'A');
        name += word;
      }
    } while (!used_.insert(name).second);
    return name;
  }

  std::string FieldName(int from, int to) { return Word(from, to) + "q"; }

  std::string Fields() {
    static const char* const kTypes[] = {
        "string", "int64",          "optional string", "repeated bytes",
        "bool",   "repeated int32", "optional double", "map<string, int64>"};
    std::string text;
    for (int i = Pick(0, 5); i > 0; --i) {
      text += std::string(kTypes[Pick(0, 7)]) + " " + FieldName(3, 24) +
              std::to_string(i) + " = " + std::to_string(10 + i) + "; ";
    }
    return text;
  }

  static std::string List(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
      text += (text.empty() ? "\"" : ", \"") + name + "\"";
    }
    return text;
  }

  std::mt19937 random_;
  std::set<std::string> used_;
};

TEST(LayoutTest, FormatsRandomModelsAsClangFormatWould) {
  const std::string clang_format = STELE_TEST_CLANG_FORMAT;
  if (clang_format.empty()) GTEST_SKIP() << "clang-format is not installed";
  const ProtoFolder folder;
  std::vector<std::string> names;
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    names.push_back("m" + std::to_string(seed) + ".proto");
    folder.Add(names.back(), ModelWriter(seed).Write());
  }
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    const Outcome outcome = folder.Generate({names[seed - 1]});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    const std::string header =
        folder.path() + "/m" + std::to_string(seed) + ".stele.h";
    EXPECT_EQ(RunCommand(ShellQuoted(clang_format) + " --style=Google " +
                         ShellQuoted(header))
                  .output,
              ReadFile(header));
  }
}

}  // namespace
}  // namespace stele::codegen
