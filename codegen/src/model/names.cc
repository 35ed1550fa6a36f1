#include "model/names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace stele::codegen {
namespace {

constexpr std::size_t kTableNameBytesMax = 40;  // Leaves room for a version.
constexpr std::size_t kStoredNameBytesMax = 256;
constexpr std::size_t kSagaNameBytesMax = 128;  // Leaves room for an id.
constexpr std::size_t kTimerNameBytesMax = 128;
constexpr std::size_t kColumnNameBytesMax = 63;
constexpr std::size_t kQuotedBytesMax = 300;

// Sorted.
constexpr std::string_view kKeywords[] = {
    "alignas",       "alignof",     "and",
    "and_eq",        "asm",         "auto",
    "bitand",        "bitor",       "bool",
    "break",         "case",        "catch",
    "char",          "char16_t",    "char32_t",
    "char8_t",       "class",       "co_await",
    "co_return",     "co_yield",    "compl",
    "concept",       "const",       "const_cast",
    "consteval",     "constexpr",   "constinit",
    "continue",      "decltype",    "default",
    "delete",        "do",          "double",
    "dynamic_cast",  "else",        "enum",
    "explicit",      "export",      "extern",
    "false",         "float",       "for",
    "friend",        "goto",        "if",
    "inline",        "int",         "long",
    "mutable",       "namespace",   "new",
    "noexcept",      "not",         "not_eq",
    "nullptr",       "operator",    "or",
    "or_eq",         "private",     "protected",
    "public",        "register",    "reinterpret_cast",
    "requires",      "return",      "short",
    "signed",        "sizeof",      "static",
    "static_assert", "static_cast", "struct",
    "switch",        "template",    "this",
    "thread_local",  "throw",       "true",
    "try",           "typedef",     "typeid",
    "typename",      "typeof",      "union",
    "unsigned",      "using",       "virtual",
    "void",          "volatile",    "wchar_t",
    "while",         "xor",         "xor_eq",
    "NULL"};

bool IsWordCharacter(char c) { return absl::ascii_isalnum(c) || c == '_'; }

bool IsSnakeCase(const std::string& name) {
  return !name.empty() && absl::ascii_islower(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

std::string WithoutProto(const std::string& path) {
  for (const absl::string_view suffix : {".proto", ".protodevel"}) {
    if (absl::EndsWith(path, suffix)) {
      return path.substr(0, path.size() - suffix.size());
    }
  }
  return path;
}

// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`.
int EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::vector<int>> cost(a.size() + 1,
                                     std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = static_cast<int>(i + j);
        continue;
      }
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                    cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string SnakeCase(const std::string& name) {
  std::string snake;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool upper = absl::ascii_isupper(name[i]);
    const bool after_small = i > 0 && (absl::ascii_islower(name[i - 1]) ||
                                       absl::ascii_isdigit(name[i - 1]));
    const bool before_small = i > 0 && i + 1 < name.size() &&
                              absl::ascii_isupper(name[i - 1]) &&
                              absl::ascii_islower(name[i + 1]);
    if (upper && (after_small || before_small)) snake += '_';
    snake += absl::ascii_tolower(name[i]);
  }
  return snake;
}

std::string CamelCase(const std::string& name) {
  std::string camel;
  bool begins_word = true;
  for (const char c : name) {
    if (c == '_') {
      begins_word = true;
      continue;
    }
    camel += begins_word ? absl::ascii_toupper(c) : c;
    begins_word = false;
  }
  return camel;
}

std::string WithArticle(const std::string& noun) {
  const bool vowel =
      !noun.empty() && absl::StrContains("aeioAEIO", std::string(1, noun[0]));
  return absl::StrCat(vowel ? "an " : "a ", noun);
}

std::string Quote(const std::string& name) {
  if (name.size() <= kQuotedBytesMax) {
    return absl::StrCat("\"", absl::Utf8SafeCEscape(name), "\"");
  }
  const std::string head = name.substr(0, kQuotedBytesMax);
  return absl::StrCat("\"", absl::Utf8SafeCEscape(head), "...\"");
}

bool IsCppKeyword(const std::string& word) {
  return std::find(std::begin(kKeywords), std::end(kKeywords), word) !=
         std::end(kKeywords);
}

bool IsMacro(const std::string& word) {
  return word == "assert" || word == "errno" || word == "i386" ||
         word == "linux" || word == "unix";
}

std::vector<std::string> ParameterNames(
    const std::vector<std::string>& messages, std::set<std::string>& taken,
    const std::string& suffix) {
  std::vector<std::string> names;
  for (const std::string& message : messages) {
    std::string name = absl::StrCat(SnakeCase(message), suffix);
    if (IsCppKeyword(name) || IsMacro(name) || taken.count(name) > 0) {
      name += '_';
    }
    const std::string wanted = name;
    for (int n = 2; !taken.insert(name).second; ++n) {
      name = absl::StrCat(wanted, n);
    }
    names.push_back(std::move(name));
  }
  return names;
}

std::string MessageHeader(const std::string& proto_path) {
  return absl::StrCat(WithoutProto(proto_path), ".pb.h");
}

std::string SteleHeader(const std::string& proto_path) {
  return absl::StrCat(WithoutProto(proto_path), ".stele.h");
}

std::string IncludeGuard(const std::string& proto_path) {
  std::string guard;
  for (const char c : SteleHeader(proto_path)) {
    guard += absl::ascii_isalnum(c) ? absl::ascii_toupper(c) : '_';
  }
  if (!absl::ascii_isalpha(guard[0])) guard.insert(0, "STELE_");
  return guard + "_";
}

std::string BaseName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string EventVariantName(const std::string& aggregate) {
  return aggregate + "Event";
}
std::string DecisionName(const std::string& aggregate) {
  return aggregate + "Decision";
}
std::string DeciderConcept(const std::string& aggregate) {
  return "Decides" + aggregate;
}
std::string ClientName(const std::string& aggregate) {
  return aggregate + "Client";
}
std::string FieldsName(const std::string& message) {
  return message + "Fields";
}
std::string MakerName(const std::string& message) { return "Make" + message; }
std::string ProjectorConcept(const std::string& read_model) {
  return "Projects" + read_model;
}
std::string SagaConcept(const std::string& saga) { return "Drives" + saga; }
std::string TimerTagName(const std::string& saga, const std::string& timer) {
  return saga + CamelCase(timer);
}
std::string SagaCategory(const std::string& saga) { return "saga_" + saga; }

bool IsStreamCategory(const std::string& name) {
  return !name.empty() && name.size() <= kStoredNameBytesMax &&
         absl::ascii_isalpha(name[0]) &&
         std::all_of(name.begin(), name.end(), IsWordCharacter);
}

bool IsTableName(const std::string& name) {
  return IsSnakeCase(name) && name.size() <= kTableNameBytesMax;
}

bool IsTimerName(const std::string& name) {
  return IsSnakeCase(name) && name.size() <= kTimerNameBytesMax;
}

bool IsSagaName(const std::string& name) {
  return name.size() <= kSagaNameBytesMax;
}

bool IsReadModelName(const std::string& name) {
  return name.size() <= kTableNameBytesMax;
}

bool IsColumnName(const std::string& name) {
  constexpr std::array<std::string_view, 6> kOfEveryTable = {
      "cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"};
  return name.size() <= kColumnNameBytesMax &&
         std::find(kOfEveryTable.begin(), kOfEveryTable.end(), name) ==
             kOfEveryTable.end();
}

bool IsStoredName(const std::string& name) {
  bool begins_part = true;
  for (const char c : name) {
    if (c == '.' && begins_part) return false;
    if (c != '.' && !IsWordCharacter(c)) return false;
    if (begins_part && absl::ascii_isdigit(c)) return false;
    begins_part = c == '.';
  }
  return !begins_part && name.size() <= kStoredNameBytesMax;
}

bool IsTopicName(const std::string& name) {
  const auto accepts = [](char c) {
    return IsWordCharacter(c) || c == '.' || c == '-';
  };
  return !name.empty() && name.size() <= kStoredNameBytesMax &&
         name.front() != '.' && name.back() != '.' &&
         !absl::StrContains(name, "..") &&
         std::all_of(name.begin(), name.end(), accepts);
}

std::string AsSnakeCase(const std::string& name, const std::string& fallback) {
  std::string snake;
  for (const char c : SnakeCase(name)) {
    snake += IsWordCharacter(c) ? c : '_';
  }
  snake = snake.substr(0, kTableNameBytesMax);
  return IsSnakeCase(snake) ? snake : fallback;
}

std::string Nearest(const std::string& name,
                    const std::vector<std::string>& candidates) {
  const std::string wanted = absl::AsciiStrToLower(name);
  int limit = std::max(2, static_cast<int>(name.size()) / 3);
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(wanted, absl::AsciiStrToLower(candidate));
    if (distance <= limit) {
      nearest = candidate;
      limit = distance - 1;
    }
  }
  return nearest;
}

}  // namespace stele::codegen
