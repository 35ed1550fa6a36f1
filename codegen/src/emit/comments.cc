#include "emit/comments.h"

#include <cstddef>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "emit/template.h"

namespace stele::codegen {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";  // U+FFFD

// The number of bytes of the UTF-8 character at `at`; 0 if there is none.
std::size_t LengthAt(const std::string& text, std::size_t at) {
  const auto byte = [&text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(at + i) >> 6 != 2) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool is_bad =
      (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return is_bad ? 0 : length;
}

// True iff `character` turns the direction of what follows.
bool IsBidiControl(const std::string& character) {
  return (character >= "\u202A" && character <= "\u202E") ||
         (character >= "\u2066" && character <= "\u2069");
}

// `text` in UTF-8 that reads as it stands.
std::string Plain(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = LengthAt(text, at);
    if (length == 0) {
      plain += kReplacement;
      ++at;
      continue;
    }
    const std::string character = text.substr(at, length);
    if (!IsBidiControl(character)) plain += character;
    at += length;
  }
  return plain;
}

}  // namespace

bool ContinuesLine(const std::string& text) {
  return absl::EndsWith(text, "\\") || absl::EndsWith(text,
                                                      "?"
                                                      "?/");
}

std::string CommentLines(const std::string& comment) {
  std::vector<std::string> lines;
  for (const absl::string_view piece : absl::StrSplit(comment, '\n')) {
    std::string line(absl::StripTrailingAsciiWhitespace(piece));
    line = absl::StrReplaceAll(Plain(line), {{"\t", "  "}, {"\r", ""}});
    // What goes on in the next line would swallow it.
    while (ContinuesLine(line) || absl::EndsWith(line, " ")) line.pop_back();
    lines.push_back(absl::StrCat(
        "//", line.empty() || line.front() == ' ' ? "" : " ", line));
  }
  while (!lines.empty() && lines.back() == "//") lines.pop_back();
  while (!lines.empty() && lines.front() == "//") lines.erase(lines.begin());
  return Join(lines);
}

std::string CommentWith(const std::string& first, const std::string& comment) {
  return Join({CommentLines(first), CommentLines(comment)}, "\n//\n");
}

std::string Heading(const std::string& text) {
  const std::string rule = absl::StrCat("// ", std::string(77, '='));
  return Join({rule, absl::StrCat("// ", text), rule});
}

}  // namespace stele::codegen
