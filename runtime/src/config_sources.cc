// What flags, environment and file say, before any of it is believed.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "config_file.h"
#include "stele/base/strings.h"
#include "stele/runtime/config.h"

namespace stele {
namespace {

// What is no name may be a value that went astray, and hold a password: it is
// not repeated.
bool IsName(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_';
         });
}

// One "--name=value", "--name value" or "--name" of the command line.
struct FlagArgument {
  std::string name;
  std::optional<std::string> value;
};

std::optional<FlagArgument> ParseFlag(const std::string& argument) {
  if (argument.rfind("--", 0) != 0) return std::nullopt;
  const std::size_t equals = argument.find('=');
  FlagArgument flag;
  flag.name =
      argument.substr(2, equals == std::string::npos ? equals : equals - 2);
  if (!IsName(flag.name)) return std::nullopt;
  if (equals != std::string::npos) flag.value = argument.substr(equals + 1);
  return flag;
}

// More of one file are told apart by nobody: it is none of ours.
constexpr std::size_t kFileProblemsMax = 20;

void AddFew(std::vector<std::string> found, const std::string& path,
            std::vector<std::string>& problems) {
  const std::size_t shown = std::min(found.size(), kFileProblemsMax);
  for (std::size_t i = 0; i < shown; ++i) {
    problems.push_back(std::move(found[i]));
  }
  if (shown == found.size()) return;
  problems.push_back(absl::StrCat(path, ": ", found.size() - shown,
                                  " more; is it a config file?"));
}

}  // namespace

bool Config::CollectFlags(int argc, const char* const* argv,
                          Sources& sources) const {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") return false;
    std::optional<FlagArgument> flag = ParseFlag(argument);
    if (!flag.has_value()) {
      sources.problems.push_back(
          absl::StrCat("argument ", i, " is no setting; write --name=value"));
      continue;
    }
    const Setting* setting = Find(flag->name);
    if (setting == nullptr && flag->name != "config") {
      sources.problems.push_back(absl::StrCat(
          "--", flag->name, " is no setting of this program; see --help"));
      continue;
    }
    if (!flag->value.has_value()) {
      if (setting != nullptr && setting->is_flag) {
        flag->value = "true";
      } else if (i + 1 < argc) {
        flag->value = argv[++i];
      } else {
        sources.problems.push_back(
            absl::StrCat("--", flag->name, " has no value"));
        continue;
      }
    }
    if (setting == nullptr) {
      sources.file = *flag->value;
      sources.file_origin = "--config";
    } else {
      sources.given[setting->name] = {*flag->value, "flag",
                                      absl::StrCat("--", setting->name)};
    }
  }
  return true;
}

void Config::CollectEnvironment(const Environment& environment,
                                Sources& sources) const {
  for (const Setting& setting : settings_) {
    if (!IsFromEnvironment(setting.name)) continue;
    const std::string name = EnvironmentName(setting.name);
    if (std::optional<std::string> value = environment(name)) {
      sources.given.try_emplace(setting.name,
                                Given{*value, "environment", name});
    }
  }
}

void Config::CollectFile(Sources& sources) const {
  if (!sources.file.has_value()) return;
  const std::string& path = *sources.file;
  std::vector<std::string> problems;
  std::set<std::string> seen;
  for (const ConfigLine& line :
       ReadConfigFile(path, sources.file_origin, problems)) {
    const std::string where = absl::StrCat(path, ":", line.number);
    if (Find(line.name) == nullptr) {
      problems.push_back(absl::StrCat(
          where, ": ", IsName(line.name) ? Quoted(line.name) : "the name",
          " is no setting of this program; see --help"));
      continue;
    }
    if (!seen.insert(line.name).second) {
      problems.push_back(absl::StrCat(
          where, ": ", line.name, " is set twice; remove one of the lines"));
    }
    sources.given.try_emplace(line.name, Given{line.value, "file", where});
  }
  AddFew(std::move(problems), path, sources.problems);
}

}  // namespace stele
