// Compares what the plugin writes with codegen/golden/. After an intended
// change: STELE_UPDATE_GOLDENS=1 codegen_golden_test, and read the difference.

#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "protoc.h"

namespace stele::codegen {
namespace {

const char* const kModels[] = {
    "bank/account",    "kitchen/kitchen", "kitchen/pantry",
    "kitchen/reports", "minimal",         "plain",
};

class GoldenTest : public ::testing::TestWithParam<const char*> {
 protected:
  const std::string proto_ = std::string(GetParam()) + ".proto";
  const std::string header_ = std::string(GetParam()) + ".stele.h";
  const std::string golden_ =
      std::string(STELE_TEST_GOLDEN_DIR) + "/" + header_;
};

TEST_P(GoldenTest, IsWhatThePluginWrites) {
  const ProtoFolder folder;
  const Outcome outcome =
      GenerateFrom(STELE_TEST_GOLDEN_DIR, {proto_}, folder.path());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const std::string written = ReadFile(folder.path() + "/" + header_);
  if (std::getenv("STELE_UPDATE_GOLDENS") != nullptr) {
    WriteFile(golden_, written);
  }
  EXPECT_EQ(written, ReadFile(golden_));
}

TEST_P(GoldenTest, IsFormattedAsClangFormatWould) {
  const std::string clang_format = STELE_TEST_CLANG_FORMAT;
  if (clang_format.empty()) GTEST_SKIP() << "clang-format is not installed";
  const Outcome outcome = RunCommand(ShellQuoted(clang_format) +
                                     " --style=Google " + ShellQuoted(golden_));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(outcome.output, ReadFile(golden_));
}

TEST_P(GoldenTest, HasNoLineBeyond80Columns) {
  std::string line;
  for (const char c : ReadFile(golden_)) {
    if (c != '\n') {
      line += c;
      continue;
    }
    EXPECT_LE(line.size(), 80u) << line;
    line.clear();
  }
  EXPECT_EQ(line, "") << "the last line does not end";
}

INSTANTIATE_TEST_SUITE_P(All, GoldenTest, ::testing::ValuesIn(kModels),
                         [](const auto& model) {
                           std::string name = model.param;
                           for (char& c : name) {
                             if (c == '/') c = '_';
                           }
                           return name;
                         });

TEST(GeneratorTest, WritesTheSameTogetherAsAlone) {
  const ProtoFolder folder;
  std::vector<std::string> protos;
  for (const char* model : kModels) {
    protos.push_back(std::string(model) + ".proto");
  }
  const Outcome outcome =
      GenerateFrom(STELE_TEST_GOLDEN_DIR, protos, folder.path());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* model : kModels) {
    const std::string header = std::string(model) + ".stele.h";
    EXPECT_EQ(ReadFile(folder.path() + "/" + header),
              ReadFile(std::string(STELE_TEST_GOLDEN_DIR) + "/" + header));
  }
}

}  // namespace
}  // namespace stele::codegen
