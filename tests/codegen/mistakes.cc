#include "mistakes.h"

#include <filesystem>

#include "gtest/gtest.h"

namespace stele::codegen {
namespace {

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

}  // namespace

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

std::vector<std::string> MistakesIn(const std::string& text) {
  const ProtoFolder folder;
  folder.Add("model.proto", kBegin + text);
  return MistakesIn(folder, "model.proto");
}

std::vector<std::string> MistakesBesideAccount(const std::string& text) {
  return MistakesIn(text + kAccount);
}

}  // namespace stele::codegen
