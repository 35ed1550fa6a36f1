#include "emit/code_line.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "emit/breaks.h"
#include "emit/columns.h"

namespace stele::codegen {
namespace {

struct Layout {
  long penalty = 0;
  std::vector<std::string> lines;
};

// A line of code as it is written with some of its breaks chosen.
class Writer {
 public:
  Writer(const std::string& text, int indent)
      : text_(text),
        indent_(indent),
        is_member_(IsDataMember(text)),
        groups_({{indent + kContinuation, indent, false}}),
        current_(indent, ' ') {}

  // Goes on to `b`. What stands from there to `stretch_end` must stay together;
  // `is_forced`: this is one of the breaks that were chosen.
  void Pass(const Break& b, std::size_t stretch_end, bool is_forced) {
    WriteTo(b.at);
    const auto end = static_cast<int>(current_.size() + stretch_end - written_);
    Group& group = groups_.back();
    if (b.kind == Break::Kind::kAfterComma) {
      if (end > kColumns || group.must_break) {
        BreakLine(group.indent, b.penalty);
        group.must_break = false;
      }
      group.argument_at = static_cast<int>(current_.size());
    } else if (b.kind == Break::Kind::kBeforeParameterName) {
      if (end > kColumns) {
        BreakLine(group.indent + kContinuation, b.penalty);
        group.must_break = true;
      }
    } else if (is_forced) {
      BreakAt(b, group);
    }
  }

  Layout Finish() {
    WriteTo(text_.size());
    layout_.lines.push_back(current_);
    for (const std::string& line : layout_.lines) {
      layout_.penalty += 1000000L * std::max(0, Width(line) - kColumns);
    }
    return std::move(layout_);
  }

 private:
  // A bracket that is open: where its continuation lines begin, and where the
  // argument being written began.
  struct Group {
    int indent;
    int argument_at;
    // An argument was broken inside, so the next one gets a line of its own.
    bool must_break = false;
  };

  void WriteTo(std::size_t end) {
    for (; written_ < end; ++written_) {
      const char c = text_[written_];
      current_ += c;
      const int column = static_cast<int>(current_.size());
      if (c == '(' || (c == '<' && text_[written_ + 1] != ' ')) {
        groups_.push_back({column, column, false});
      } else if ((c == ')' || (c == '>' && text_[written_ - 1] != '-')) &&
                 groups_.size() > 1) {
        groups_.pop_back();
      }
    }
  }

  void BreakAt(const Break& b, Group& group) {
    if (b.kind == Break::Kind::kAfterOpen) {
      const Group& outer = groups_[groups_.size() - 2];
      group.indent = outer.argument_at + kContinuation;
    }
    const bool begins_anew = b.kind == Break::Kind::kBeforeName && !is_member_;
    BreakLine(begins_anew ? indent_ : group.indent, b.penalty);
    group.argument_at = static_cast<int>(current_.size());
  }

  void BreakLine(int indent, int penalty) {
    while (!current_.empty() && current_.back() == ' ') current_.pop_back();
    layout_.lines.push_back(current_);
    current_.assign(indent, ' ');
    layout_.penalty += penalty;
    for (std::size_t i = 0; i + 1 < groups_.size(); ++i) {
      groups_[i].must_break = true;
    }
  }

  const std::string& text_;
  const int indent_;
  const bool is_member_;
  std::vector<Group> groups_;
  std::string current_;
  std::size_t written_ = 0;
  Layout layout_;
};

class CodeLine {
 public:
  explicit CodeLine(const std::string& line)
      : indent_(IndentOf(line)),
        text_(line.substr(indent_)),
        breaks_(FindBreaks(text_)) {}

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
  static bool IsChoice(const Break& b) {
    return b.kind != Break::Kind::kAfterComma &&
           b.kind != Break::Kind::kBeforeParameterName;
  }

  // A constructor that does not fit on one line has its initializers on the
  // next.
  bool IsAlways(std::size_t i) const {
    return breaks_[i].kind == Break::Kind::kBeforeInitializers;
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
    Writer writer(text_, indent_);
    for (std::size_t i = 0; i < breaks_.size(); ++i) {
      writer.Pass(breaks_[i], EndOfStretch(i, forced), forced[i]);
    }
    return writer.Finish();
  }

  int indent_;
  std::string text_;
  std::vector<Break> breaks_;
};

}  // namespace

std::vector<std::string> BreakCode(const std::string& line) {
  return CodeLine(line).Lay();
}

}  // namespace stele::codegen
