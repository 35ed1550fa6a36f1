#include "layout.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace stele::codegen {
namespace {

constexpr int kColumns = 80;
constexpr int kContinuation = 4;

// Display columns of UTF-8 text; what may be wide counts as two.
int Width(const std::string& text) {
  int width = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 || byte >= 0xC0) width += byte >= 0xE1 ? 2 : 1;
  }
  return width;
}

int IndentOf(const std::string& line) {
  return static_cast<int>(std::min(line.find_first_not_of(' '), line.size()));
}

// ---- Comments ---------------------------------------------------------------

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
    if (!current.empty() && Width(longer) > kColumns) {
      lines.push_back(current);
      current = absl::StrCat(prefix, word);
    } else {
      current = longer;
    }
  }
  lines.push_back(current);
  return lines;
}

// ---- Code -------------------------------------------------------------------

// A place where a line of code may be broken: before `text[at]`.
struct Break {
  enum class Kind {
    kAfterAssign,
    kAfterOpen,
    kAfterComma,
    kBeforeInitializers,
    kBeforeName,           // Of the function that is declared.
    kBeforeParameterName,  // Only where it does not fit otherwise.
  };
  Kind kind;
  std::size_t at;
  int depth;    // Of brackets around it.
  int penalty;  // clang-format's, of breaking here.
};

class CodeLine {
 public:
  explicit CodeLine(const std::string& line)
      : indent_(IndentOf(line)), text_(line.substr(indent_)) {
    FindBreaks();
  }

  std::vector<std::string> Lay() const {
    std::vector<std::size_t> choices;
    for (std::size_t i = 0; i < breaks_.size(); ++i) {
      if (IsChoice(breaks_[i])) choices.push_back(i);
    }
    Layout best;
    best.penalty = -1;
    for (unsigned chosen = 0; chosen < (1u << choices.size()); ++chosen) {
      std::vector<bool> forced(breaks_.size(), false);
      for (std::size_t i = 0; i < choices.size(); ++i) {
        forced[choices[i]] = (chosen >> i & 1) != 0 || IsAlways(choices[i]);
      }
      Layout layout = Simulate(forced);
      if (best.penalty < 0 || layout.penalty < best.penalty) {
        best = std::move(layout);
      }
    }
    return best.lines;
  }

 private:
  struct Layout {
    long penalty = 0;
    std::vector<std::string> lines;
  };
  // A bracket that is open: where its continuation lines begin, and where the
  // argument being written began.
  struct Group {
    int indent;
    int argument_at;
    // An argument was broken inside, so the next one gets a line of its own.
    bool must_break = false;
  };

  static bool IsChoice(const Break& b) {
    return b.kind != Break::Kind::kAfterComma &&
           b.kind != Break::Kind::kBeforeParameterName;
  }

  // A constructor that does not fit on one line has its initializers on the
  // next.
  bool IsAlways(std::size_t i) const {
    return breaks_[i].kind == Break::Kind::kBeforeInitializers;
  }

  bool IsDataMember() const {
    return absl::StartsWith(text_, "std::optional<") ||
           absl::StartsWith(text_, "std::map<") ||
           absl::StartsWith(text_, "std::vector<");
  }

  bool IsDeclaration() const {
    return absl::StartsWith(text_, "concept ") ||
           absl::StartsWith(text_, "inline ") ||
           absl::StartsWith(text_, "explicit ") ||
           absl::StartsWith(text_, "absl::StatusOr<") ||
           (absl::StartsWith(text_, "static ") &&
            !absl::StartsWith(text_, "static constexpr "));
  }

  void FindBreaks() {
    const bool declares = IsDeclaration();
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '"') in_string = !in_string;
      if (in_string) continue;
      if (c == '(' || (c == '<' && text_[i + 1] != ' ')) {
        ++depth;
        AddAfterOpen(i, depth, declares);
      } else if (c == ')' || (c == '>' && text_[i - 1] != '-')) {
        --depth;
      } else if (c == ',') {
        breaks_.push_back({Break::Kind::kAfterComma, i + 2, depth,
                           1 + 20 * (depth + 1) + (IsDataMember() ? 200 : 0)});
      } else if (c == '&' && depth > 0 && text_[i + 1] == ' ') {
        breaks_.push_back(
            {Break::Kind::kBeforeParameterName, i + 2, depth, 220});
      } else if (c == '=' && depth == 0 && text_[i + 1] == ' ') {
        if (IsDataMember()) {
          breaks_.push_back({Break::Kind::kBeforeName,
                             text_.rfind(' ', i - 2) + 1, depth, 220});
        }
        breaks_.push_back(
            {Break::Kind::kAfterAssign, i + 2, depth, declares ? 130 : 22});
      } else if (c == ':' && depth == 0 && text_[i + 1] == ' ') {
        breaks_.push_back({Break::Kind::kBeforeInitializers, i, depth, 21});
      }
    }
  }

  void AddAfterOpen(std::size_t i, int depth, bool declares) {
    if (text_[i + 1] == ')') return;
    const bool is_template = text_[i] == '<';
    // Breaking within a nested template is never best.
    if (is_template && depth > 1) return;
    if (is_template && !absl::StrContains(text_, "std::variant<")) return;
    int penalty = HasComma(i) ? 1 : 19;
    if (is_template) penalty = 100 + 180;
    if (declares && !is_template && depth == 1) {
      penalty = 100;
      AddBeforeName(i);
    }
    breaks_.push_back(
        {Break::Kind::kAfterOpen, i + 1, depth, penalty + 20 * (depth + 1)});
  }

  void AddBeforeName(std::size_t open) {
    const std::size_t space = text_.rfind(' ', open);
    if (space == std::string::npos) return;
    if (absl::StartsWith(text_, "explicit ") ||
        absl::StartsWith(text_, "concept ")) {
      return;
    }
    breaks_.push_back({Break::Kind::kBeforeName, space + 1, 0, 220});
  }

  bool HasComma(std::size_t open) const {
    int depth = 0;
    for (std::size_t i = open; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '(' || c == '<') ++depth;
      if (c == ')' || (c == '>' && text_[i - 1] != '-')) --depth;
      if (depth == 0) return false;
      if (c == ',' && depth == 1) return true;
    }
    return false;
  }

  // Where the text that must stay together from `breaks_[i]` on ends.
  std::size_t EndOfStretch(std::size_t i,
                           const std::vector<bool>& forced) const {
    for (std::size_t j = i + 1; j < breaks_.size(); ++j) {
      if (forced[j]) return text_.find_last_not_of(' ', breaks_[j].at - 1) + 1;
      if (breaks_[j].kind == Break::Kind::kAfterComma &&
          breaks_[j].depth <= breaks_[i].depth) {
        return breaks_[j].at - 1;  // Without the space after the comma.
      }
    }
    return text_.size();
  }

  Layout Simulate(const std::vector<bool>& forced) const {
    Layout layout;
    std::vector<Group> groups = {{indent_ + kContinuation, indent_, false}};
    std::string current(indent_, ' ');
    std::size_t written = 0;
    const auto write_to = [&](std::size_t end) {
      for (; written < end; ++written) {
        const char c = text_[written];
        current += c;
        const int column = static_cast<int>(current.size());
        if (c == '(' || (c == '<' && text_[written + 1] != ' ')) {
          groups.push_back({column, column, false});
        } else if ((c == ')' || (c == '>' && text_[written - 1] != '-')) &&
                   groups.size() > 1) {
          groups.pop_back();
        }
      }
    };
    const auto break_line = [&](int indent, int penalty) {
      while (!current.empty() && current.back() == ' ') current.pop_back();
      layout.lines.push_back(current);
      current.assign(indent, ' ');
      layout.penalty += penalty;
      for (std::size_t i = 0; i + 1 < groups.size(); ++i) {
        groups[i].must_break = true;
      }
    };
    for (std::size_t i = 0; i < breaks_.size(); ++i) {
      const Break& b = breaks_[i];
      write_to(b.at);
      Group& group = groups.back();
      if (b.kind == Break::Kind::kAfterComma) {
        const int end = static_cast<int>(current.size() +
                                         EndOfStretch(i, forced) - written);
        if (end > kColumns || group.must_break) {
          break_line(group.indent, b.penalty);
          group.must_break = false;
        }
        group.argument_at = static_cast<int>(current.size());
      } else if (b.kind == Break::Kind::kBeforeParameterName) {
        const int end = static_cast<int>(current.size() +
                                         EndOfStretch(i, forced) - written);
        if (end > kColumns) {
          break_line(group.indent + kContinuation, b.penalty);
          group.must_break = true;
        }
      } else if (forced[i]) {
        if (b.kind == Break::Kind::kAfterOpen) {
          const Group& outer = groups[groups.size() - 2];
          group.indent = outer.argument_at + kContinuation;
        }
        break_line(b.kind == Break::Kind::kBeforeName && !IsDataMember()
                       ? indent_
                       : group.indent,
                   b.penalty);
        group.argument_at = static_cast<int>(current.size());
      }
    }
    write_to(text_.size());
    layout.lines.push_back(current);
    for (const std::string& line : layout.lines) {
      layout.penalty += 1000000L * std::max(0, Width(line) - kColumns);
    }
    return layout;
  }

  int indent_;
  std::string text_;
  std::vector<Break> breaks_;
};

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
  for (std::string& piece : CodeLine(line).Lay()) {
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
