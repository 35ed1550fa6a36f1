#include "emit/layout.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "emit/code_line.h"
#include "emit/columns.h"
#include "emit/comments.h"

namespace stele::codegen {
namespace {

std::vector<std::string> WrapComment(const std::string& line) {
  const std::size_t slashes = line.find("//");
  const std::size_t words_at =
      std::min(line.find_first_not_of(' ', slashes + 2), line.size());
  const std::string prefix = line.substr(0, words_at);
  std::vector<std::string> lines;
  std::string current;
  for (const absl::string_view word :
       absl::StrSplit(line.substr(words_at), ' ', absl::SkipEmpty())) {
    const std::string longer = absl::StrCat(
        current.empty() ? prefix : absl::StrCat(current, " "), word);
    if (!current.empty() && Width(longer) > kColumns &&
        !ContinuesLine(current)) {
      lines.push_back(current);
      current = absl::StrCat(prefix, word);
    } else {
      current = longer;
    }
  }
  lines.push_back(current);
  return lines;
}

// A call whose only argument is a template; its own rules are stranger.
void LayOutVisit(const std::string& indent, const std::string& call,
                 std::vector<std::string>& lines) {
  const std::size_t open = call.find('(') + 1;
  const std::size_t type = call.find('<') + 1;
  const std::string argument = absl::StrCat(indent, "    ", call.substr(open));
  if (Width(argument) <= kColumns) {
    lines.push_back(indent + call.substr(0, open));
    lines.push_back(argument);
    return;
  }
  lines.push_back(indent + call.substr(0, type));
  const std::string name = absl::StrCat(indent, "      ", call.substr(type));
  const std::size_t last = name.rfind("::") + 2;
  if (Width(name) <= kColumns || last <= indent.size() + 8) {
    lines.push_back(name);
    return;
  }
  lines.push_back(name.substr(0, last));
  lines.push_back(absl::StrCat(indent, "          ", name.substr(last)));
}

void LayOutLine(const std::string& line, std::vector<std::string>& lines) {
  if (Width(line) <= kColumns) {
    lines.push_back(line);
    return;
  }
  const std::string bare = line.substr(IndentOf(line));
  if (absl::StartsWith(bare, "//")) {
    for (std::string& piece : WrapComment(line)) {
      lines.push_back(std::move(piece));
    }
    return;
  }
  if (absl::StartsWith(bare, "#") || absl::StartsWith(bare, "template ")) {
    lines.push_back(line);
    return;
  }
  const std::string indent(IndentOf(line), ' ');
  if (absl::StartsWith(bare, "visit(")) {
    LayOutVisit(indent, bare, lines);
    return;
  }
  if (absl::StartsWith(bare, "struct ") && absl::StrContains(bare, '<')) {
    const std::size_t type = bare.find('<') + 1;
    lines.push_back(indent + bare.substr(0, type));
    lines.push_back(absl::StrCat(indent, "    ", bare.substr(type)));
    return;
  }
  const std::size_t result = line.find(" } -> ");
  if (absl::StartsWith(bare, "{ ") && result != std::string::npos) {
    lines.push_back(indent + "{");
    LayOutLine(
        absl::StrCat(indent, "  ", bare.substr(2, result - indent.size() - 2)),
        lines);
    lines.push_back(absl::StrCat(indent, "  ", line.substr(result + 1)));
    return;
  }
  const std::size_t body = line.find(" { ");
  if (body != std::string::npos && absl::EndsWith(line, " }") &&
      !absl::StartsWith(bare, "{")) {
    LayOutLine(line.substr(0, body + 2), lines);
    LayOutLine(absl::StrCat(indent, "  ",
                            line.substr(body + 3, line.size() - body - 5)),
               lines);
    lines.push_back(indent + "}");
    return;
  }
  for (std::string& piece : BreakCode(line)) {
    lines.push_back(std::move(piece));
  }
}

bool ClosesBlock(const std::string& line) {
  const std::string bare = line.substr(IndentOf(line));
  return absl::StartsWith(bare, "}") && !absl::StartsWith(bare, "}  //");
}

bool OpensBlock(const std::string& line) {
  return absl::EndsWith(line, "{") && !absl::StartsWith(line, "namespace ");
}

}  // namespace

std::string LayOut(const std::string& text) {
  std::vector<std::string> lines;
  for (const absl::string_view piece : absl::StrSplit(text, '\n')) {
    std::string line(piece);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    const bool after_blank = !lines.empty() && lines.back().empty();
    const bool after_open = !lines.empty() && OpensBlock(lines.back());
    if (line.empty() && (after_blank || after_open)) continue;
    if (after_blank && ClosesBlock(line)) lines.pop_back();
    LayOutLine(line, lines);
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace stele::codegen
