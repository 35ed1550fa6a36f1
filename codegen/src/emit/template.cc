#include "emit/template.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace stele::codegen {
namespace {

const std::string& ValueOf(const Holes& holes, const std::string& name) {
  for (const auto& [known, value] : holes) {
    if (known == name) return value;
  }
  std::fprintf(stderr, "protoc-gen-stele: no value for hole $%s$\n",
               name.c_str());
  std::abort();
}

std::string FillLine(const std::string& line, const Holes& holes) {
  const std::vector<std::string> parts = absl::StrSplit(line, '$');
  std::string filled;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    filled += i % 2 == 0 ? parts[i] : ValueOf(holes, parts[i]);
  }
  return filled;
}

// The name of the hole that is all there is on `line`, if so.
std::string LoneHole(const std::string& line) {
  const std::string bare(absl::StripAsciiWhitespace(line));
  const bool is_hole = bare.size() > 2 && bare.front() == '$' &&
                       bare.find('$', 1) == bare.size() - 1;
  return is_hole ? bare.substr(1, bare.size() - 2) : "";
}

std::size_t IndentOf(const std::string& line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

void AppendBlock(const std::string& block, std::size_t indent,
                 std::vector<std::string>& lines) {
  if (block.empty()) return;
  for (const absl::string_view piece : absl::StrSplit(block, '\n')) {
    const std::string line(piece);
    lines.push_back(line.empty() ? line : std::string(indent, ' ') + line);
  }
}

}  // namespace

std::string Fill(const std::string& text, const Holes& holes) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (lines.front().empty()) lines.erase(lines.begin());
  if (!lines.empty() && IndentOf(lines.back()) == lines.back().size()) {
    lines.pop_back();
  }
  std::size_t common = std::string::npos;
  for (const std::string& line : lines) {
    if (!line.empty()) common = std::min(common, IndentOf(line));
  }
  std::vector<std::string> filled;
  for (const std::string& raw : lines) {
    const std::string line = raw.empty() ? raw : raw.substr(common);
    const std::string hole = LoneHole(line);
    if (hole.empty()) {
      filled.push_back(FillLine(line, holes));
    } else {
      AppendBlock(ValueOf(holes, hole), IndentOf(line), filled);
    }
  }
  return absl::StrJoin(filled, "\n");
}

std::string Join(const std::vector<std::string>& parts,
                 const std::string& separator) {
  std::vector<std::string> present;
  for (const std::string& part : parts) {
    if (!part.empty()) present.push_back(part);
  }
  return absl::StrJoin(present, separator);
}

}  // namespace stele::codegen
