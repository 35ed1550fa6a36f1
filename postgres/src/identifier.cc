#include "stele/postgres/identifier.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"

namespace stele::postgres {
namespace {

// Leaves room, within PostgreSQL's 63 bytes, for what is derived from it.
constexpr std::size_t kMaxSchemaBytes = 48;

bool IsSchemaName(std::string_view name) {
  if (name.empty() || name.size() > kMaxSchemaBytes) return false;
  if (!absl::ascii_isalpha(static_cast<unsigned char>(name[0]))) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_') {
      return false;
    }
  }
  return !absl::StartsWithIgnoreCase(ToAbsl(name), "pg_") &&
         !absl::EqualsIgnoreCase(ToAbsl(name), "information_schema");
}

std::string QuoteWith(char quote, std::string_view text) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted.push_back(quote);
    quoted.push_back(c);
  }
  quoted.push_back(quote);
  return quoted;
}

}  // namespace

absl::Status ValidateSchemaName(std::string_view schema) {
  if (IsSchemaName(schema)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(schema),
                   " cannot be the schema of a store; write a letter, then "
                   "letters, digits and underscores (at most ",
                   kMaxSchemaBytes,
                   "), not beginning with pg_ and not information_schema, as "
                   "in \"orders\""));
}

std::string QuoteIdentifier(std::string_view name) {
  return QuoteWith('"', name);
}

std::string QuoteLiteral(std::string_view text) {
  std::string quoted = QuoteWith('\'', text);
  if (text.find('\\') == std::string_view::npos) return quoted;
  // A backslash means itself only in the E'' form, whatever the session's
  // standard_conforming_strings says.
  std::string escaped = "E";
  for (const char c : quoted) {
    if (c == '\\') escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

}  // namespace stele::postgres
