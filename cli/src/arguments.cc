#include "arguments.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"

namespace stele::cli {
namespace {

// What is wrong with it, for CLI11; empty if nothing is.
std::string CheckName(const std::string& text) {
  if (text.empty()) return "is empty";
  if (IsValidUtf8(text)) return "";
  return absl::StrCat(Quoted(text), " is not well-formed UTF-8");
}

bool ParseNumber(const std::string& text, std::int64_t& number) {
  // Numbers of PostgreSQL have no other form; SimpleAtoi() allows blanks.
  const bool has_digits_only =
      std::all_of(text.begin() + (text.rfind('-', 0) == 0 ? 1 : 0), text.end(),
                  [](unsigned char c) { return absl::ascii_isdigit(c); });
  return has_digits_only && absl::SimpleAtoi(text, &number);
}

}  // namespace

CLI::Option* AddName(CLI::App* command, const std::string& argument,
                     std::string& into, const std::string& help) {
  return command->add_option(argument, into, help)->check(CheckName);
}

CLI::Option* AddNumber(CLI::App* command, const std::string& argument,
                       std::int64_t& into, const std::string& help,
                       std::int64_t least, std::int64_t most) {
  const auto take = [=, &into](const std::string& text) {
    std::int64_t number = 0;
    if (!ParseNumber(text, number) || number < least || number > most) {
      throw CLI::ValidationError(
          argument, absl::StrCat(Quoted(text), " is not a whole number from ",
                                 least, " to ", most));
    }
    into = number;
  };
  CLI::Option* option =
      command->add_option_function<std::string>(argument, take, help)
          ->type_name("INT");
  if (into != 0) option->default_str(absl::StrCat(into));
  return option;
}

}  // namespace stele::cli
