#include "emit/breaks.h"

#include <utility>

#include "absl/strings/match.h"

namespace stele::codegen {
namespace {

bool IsDeclaration(const std::string& code) {
  return absl::StartsWith(code, "concept ") ||
         absl::StartsWith(code, "inline ") ||
         absl::StartsWith(code, "explicit ") ||
         absl::StartsWith(code, "absl::StatusOr<") ||
         (absl::StartsWith(code, "static ") &&
          !absl::StartsWith(code, "static constexpr "));
}

class Finder {
 public:
  explicit Finder(const std::string& text)
      : text_(text),
        declares_(IsDeclaration(text)),
        is_member_(IsDataMember(text)) {}

  std::vector<Break> Find() {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '"') in_string = !in_string;
      if (in_string) continue;
      if (c == '(' || (c == '<' && text_[i + 1] != ' ')) {
        ++depth;
        AddAfterOpen(i, depth);
      } else if (c == ')' || (c == '>' && text_[i - 1] != '-')) {
        --depth;
      } else if (c == ',') {
        breaks_.push_back({Break::Kind::kAfterComma, i + 2, depth,
                           1 + 20 * (depth + 1) + (is_member_ ? 200 : 0)});
      } else if (c == '&' && depth > 0 && text_[i + 1] == ' ') {
        breaks_.push_back(
            {Break::Kind::kBeforeParameterName, i + 2, depth, 220});
      } else if (c == '=' && depth == 0 && text_[i + 1] == ' ') {
        if (is_member_) {
          breaks_.push_back({Break::Kind::kBeforeName,
                             text_.rfind(' ', i - 2) + 1, depth, 220});
        }
        breaks_.push_back(
            {Break::Kind::kAfterAssign, i + 2, depth, declares_ ? 130 : 22});
      } else if (c == ':' && depth == 0 && text_[i + 1] == ' ') {
        breaks_.push_back({Break::Kind::kBeforeInitializers, i, depth, 21});
      }
    }
    return std::move(breaks_);
  }

 private:
  void AddAfterOpen(std::size_t i, int depth) {
    if (text_[i + 1] == ')') return;
    const bool is_template = text_[i] == '<';
    // Breaking within a nested template is never best.
    if (is_template && depth > 1) return;
    if (is_template && !absl::StrContains(text_, "std::variant<")) return;
    int penalty = HasComma(i) ? 1 : 19;
    if (is_template) penalty = 100 + 180;
    if (declares_ && !is_template && depth == 1) {
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

  const std::string& text_;
  const bool declares_;
  const bool is_member_;
  std::vector<Break> breaks_;
};

}  // namespace

bool IsDataMember(const std::string& code) {
  return absl::StartsWith(code, "std::optional<") ||
         absl::StartsWith(code, "std::map<") ||
         absl::StartsWith(code, "std::vector<");
}

std::vector<Break> FindBreaks(const std::string& code) {
  return Finder(code).Find();
}

}  // namespace stele::codegen
