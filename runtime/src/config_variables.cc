// Variables of the environment that look like settings and are none.
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"
#include "stele/runtime/config.h"

namespace stele {
namespace {

constexpr std::string_view kPrefix = "STELE_";

// Read by Stele's other programs and by Parse() itself.
bool IsKnownElsewhere(std::string_view name) {
  return name == "STELE_CONFIG" || name == "STELE_DATABASE_URL" ||
         name == "STELE_SCHEMA" || name == "STELE_POSTGRES_BIN";
}

// The least number of bytes to be added, left out or changed.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

constexpr std::size_t kTyposMax = 2;

}  // namespace

std::vector<std::string> Config::RealVariables() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

void Config::NoteUnknown(const std::vector<std::string>& variables) {
  warnings_.clear();
  for (const std::string& name : variables) {
    if (!absl::StartsWith(name, ToAbsl(kPrefix)) || IsKnownElsewhere(name)) {
      continue;
    }
    std::string meant;
    std::size_t least = kTyposMax + 1;
    for (const Setting& setting : settings_) {
      const std::string known = EnvironmentName(setting.name);
      const std::size_t distance = Distance(name, known);
      if (distance >= least) continue;
      meant = known;
      least = distance;
    }
    if (least == 0) continue;
    warnings_.push_back(
        absl::StrCat("the environment sets ", Quoted(name),
                     ", which is no setting of this program",
                     meant.empty() ? "" : absl::StrCat("; ", meant, " is")));
  }
}

}  // namespace stele
