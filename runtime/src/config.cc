#include "stele/runtime/config.h"

#include <cstdlib>
#include <regex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "stele/base/check.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

using Problem = std::optional<std::string>;

Problem ParseBool(const std::string& text, bool* value) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "1") {
    *value = true;
    return std::nullopt;
  }
  if (lower == "false" || lower == "no" || lower == "off" || lower == "0") {
    *value = false;
    return std::nullopt;
  }
  return "is neither true nor false";
}

// "scheme://user:password@host" and "password=..." without the password; for
// brokers without the user, too, which may be a token. When in doubt it hides
// too much.
std::string WithoutPassword(const std::string& url) {
  static const auto* const kInUri =
      new std::regex("^([A-Za-z0-9+.-]+://[^:/@]*):.*@");
  static const auto* const kInBrokerUri =
      new std::regex("^((?!postgres)[A-Za-z0-9+.-]+://).*@");
  static const auto* const kInPairs = new std::regex(
      "(password|passwd|passphrase|token)\\s*=\\s*"
      "('([^'\\\\]|\\\\.)*'|([^\\s\\\\]|\\\\.)*)",
      std::regex::icase);
  // One that lacks its scheme, and is no list of name=value.
  static const auto* const kInBareUri =
      new std::regex("^(?![A-Za-z0-9+.-]+://|\\s*\\w+\\s*=).*@");
  std::string hidden = std::regex_replace(
      std::regex_replace(url, *kInUri, "$1:***@"), *kInBrokerUri, "$1***@");
  hidden = std::regex_replace(hidden, *kInBareUri, "***@");
  return std::regex_replace(hidden, *kInPairs, "$1=***");
}

std::optional<std::string> RealEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace

Config::Config(std::string program, std::string description)
    : program_(std::move(program)), description_(std::move(description)) {}

Config& Config::Add(Setting setting) {
  settings_.push_back(std::move(setting));
  return *this;
}

Config& Config::Text(std::string name, std::string* value, std::string help,
                     bool required) {
  Setting setting{.name = std::move(name),
                  .help = std::move(help),
                  .default_text = *value,
                  .bounds = {},
                  .is_required = required,
                  .assign = {}};
  setting.assign = [value](const std::string& text) -> Problem {
    *value = text;
    return std::nullopt;
  };
  return Add(std::move(setting));
}

Config& Config::Secret(std::string name, std::string* value, std::string help) {
  Text(std::move(name), value, std::move(help));
  settings_.back().is_secret = true;
  return *this;
}

Config& Config::Url(std::string name, std::string* value, std::string help,
                    bool required) {
  Text(std::move(name), value, std::move(help), required);
  settings_.back().is_url = true;
  return *this;
}

Config& Config::Number(std::string name, std::int64_t* value,
                       std::int64_t least, std::int64_t most,
                       std::string help) {
  Setting setting{.name = std::move(name),
                  .help = std::move(help),
                  .default_text = absl::StrCat(*value),
                  .bounds = absl::StrCat(least, " to ", most),
                  .assign = {}};
  setting.assign = [value, least, most](const std::string& text) -> Problem {
    std::int64_t parsed = 0;
    if (!absl::SimpleAtoi(text, &parsed)) return "is not a whole number";
    if (parsed < least || parsed > most) {
      return absl::StrCat("is out of bounds: ", least, " to ", most);
    }
    *value = parsed;
    return std::nullopt;
  };
  return Add(std::move(setting));
}

Config& Config::Time(std::string name, absl::Duration* value,
                     absl::Duration least, absl::Duration most,
                     std::string help) {
  const std::string bounds = absl::StrCat(absl::FormatDuration(least), " to ",
                                          absl::FormatDuration(most));
  Setting setting{.name = std::move(name),
                  .help = std::move(help),
                  .default_text = absl::FormatDuration(*value),
                  .bounds = bounds,
                  .assign = {}};
  setting.assign = [value, least, most,
                    bounds](const std::string& text) -> Problem {
    absl::Duration parsed;
    if (!absl::ParseDuration(text, &parsed)) {
      return "is not a duration such as 250ms, 5s or 1h30m";
    }
    if (parsed < least || parsed > most) {
      return absl::StrCat("is out of bounds: ", bounds);
    }
    *value = parsed;
    return std::nullopt;
  };
  return Add(std::move(setting));
}

Config& Config::Choice(std::string name, std::string* value,
                       std::vector<std::string> choices, std::string help) {
  Setting setting{.name = std::move(name),
                  .help = std::move(help),
                  .default_text = *value,
                  .bounds = absl::StrJoin(choices, " | "),
                  .assign = {}};
  setting.assign = [value, choices = std::move(choices)](
                       const std::string& text) -> Problem {
    for (const std::string& choice : choices) {
      if (text == choice) {
        *value = text;
        return std::nullopt;
      }
    }
    return absl::StrCat("is none of ", absl::StrJoin(choices, ", "));
  };
  return Add(std::move(setting));
}

Config& Config::Flag(std::string name, bool* value, std::string help) {
  Setting setting{.name = std::move(name),
                  .help = std::move(help),
                  .default_text = *value ? "true" : "false",
                  .bounds = {},
                  .is_flag = true,
                  .assign = {}};
  setting.assign = [value](const std::string& text) {
    return ParseBool(text, value);
  };
  return Add(std::move(setting));
}

Config& Config::Must(
    std::function<absl::Status(const std::string& text)> rule) {
  STELE_CHECK(!settings_.empty());
  settings_.back().rule = std::move(rule);
  return *this;
}

Config& Config::Check(std::function<std::optional<std::string>()> rule) {
  rules_.push_back(std::move(rule));
  return *this;
}

Config& Config::EnvironmentOnly(std::set<std::string> names) {
  from_environment_ = std::move(names);
  return *this;
}

bool Config::IsFromEnvironment(const std::string& name) const {
  return !from_environment_.has_value() || from_environment_->contains(name);
}

const Config::Setting* Config::Find(std::string_view name) const {
  for (const Setting& setting : settings_) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

std::string Config::EnvironmentName(const std::string& name) {
  return absl::StrCat(
      "STELE_", absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}})));
}

std::string Config::Help() const {
  const char* const sources =
      from_environment_.has_value()
          ? "Each setting is taken from its flag, else from its variable if "
            "one stands\nbeside it, else from the file named by --config "
            "(lines \"name = value\"), else its\ndefault."
          : "Each setting is taken from its flag, else from the "
            "environment, else from the\nfile named by --config or "
            "STELE_CONFIG (lines \"name = value\"), else its default.";
  std::string help =
      absl::StrCat(description_, "\n\nUsage: ", program_,
                   " [--setting=value]...\n\n", sources, "\n\nSettings:\n");
  for (const Setting& setting : settings_) {
    absl::StrAppend(&help, "  --", setting.name);
    if (IsFromEnvironment(setting.name)) {
      absl::StrAppend(&help, "  (", EnvironmentName(setting.name), ")");
    }
    absl::StrAppend(&help, "\n      ", setting.help);
    if (!setting.bounds.empty())
      absl::StrAppend(&help, " ", setting.bounds, ".");
    if (setting.is_required) {
      absl::StrAppend(&help, " Required.");
    } else if (!setting.default_text.empty() && !setting.is_secret) {
      absl::StrAppend(&help, " Default: ", Shown(setting, setting.default_text),
                      ".");
    }
    absl::StrAppend(&help, "\n");
  }
  absl::StrAppend(&help,
                  "  --config FILE\n      Where to read settings from.\n",
                  "  --help\n      Shows this text.\n");
  return help;
}

absl::Status Config::Parse(int argc, const char* const* argv) {
  return Parse(argc, argv, RealEnvironment, RealVariables());
}

absl::Status Config::Parse(int argc, const char* const* argv,
                           const Environment& environment,
                           const std::vector<std::string>& variables) {
  Sources sources;
  if (!from_environment_.has_value()) NoteUnknown(variables);
  if (IsFromEnvironment("config")) {
    sources.file = environment("STELE_CONFIG");
    sources.file_origin = "STELE_CONFIG";
  }
  if (!CollectFlags(argc, argv, sources)) return absl::CancelledError(Help());
  CollectEnvironment(environment, sources);
  CollectFile(sources);
  Assign(sources);
  if (sources.problems.empty()) {
    for (const auto& rule : rules_) {
      if (Problem wrong = rule()) sources.problems.push_back(*wrong);
    }
  }
  if (sources.problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(sources.problems, "\n"));
}

std::string Config::Shown(const Setting& setting, const std::string& text) {
  if (setting.is_secret) return "***";
  return setting.is_url ? WithoutPassword(text) : text;
}

void Config::Assign(Sources& sources) {
  origins_.clear();
  for (const Setting& setting : settings_) {
    const auto it = sources.given.find(setting.name);
    const bool is_given = it != sources.given.end();
    const std::string& text = is_given ? it->second.text : setting.default_text;
    origins_.push_back({setting.name, Shown(setting, text),
                        is_given ? it->second.source : "default"});
    if (setting.is_required && text.empty()) {
      sources.problems.push_back(absl::StrCat(
          "--", setting.name, " is not set; give it as a flag, as ",
          EnvironmentName(setting.name),
          " or in the config file: ", setting.help));
    } else if (is_given) {
      if (Problem wrong = Set(setting, text)) {
        sources.problems.push_back(
            absl::StrCat(it->second.where, ": ", *wrong));
      }
    }
  }
}

Problem Config::Set(const Setting& setting, const std::string& text) {
  if (Problem wrong = setting.assign(text)) {
    return absl::StrCat(
        setting.is_secret ? "the value" : Quoted(WithoutPassword(text)), " ",
        *wrong);
  }
  const absl::Status kept =
      setting.rule == nullptr ? absl::OkStatus() : setting.rule(text);
  if (kept.ok()) return std::nullopt;
  return std::string(kept.message());
}

}  // namespace stele
