#include "consumers/owners.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace stele {
namespace {

constexpr std::size_t kTypesNamed = 5;

std::string Named(const std::vector<std::string>& types) {
  const std::size_t named = std::min(types.size(), kTypesNamed);
  const auto end = types.begin() + static_cast<std::ptrdiff_t>(named);
  std::string text = absl::StrJoin(types.begin(), end, ", ");
  if (named < types.size()) {
    absl::StrAppend(&text, " and ", types.size() - named, " more");
  }
  return text;
}

// Why one that handles `types` yields to those that `work`: owners of one set.
std::string WhyItYields(const std::vector<std::string>& types,
                        const OwnerStanding* works) {
  if (works == nullptr) {
    return "the process that handled more event types is gone; this one is "
           "about to go on";
  }
  std::vector<std::string> unknown;
  std::set_difference(works->owner.types.begin(), works->owner.types.end(),
                      types.begin(), types.end(), std::back_inserter(unknown));
  return absl::StrCat("another process (", works->owner.name,
                      ") handles event types that this one does not know: ",
                      unknown.empty() ? "all" : Named(unknown),
                      "; deploy it, or stop the other");
}

}  // namespace

std::vector<std::string> SortedTypes(const ConsumerOwner& owner) {
  const std::set<std::string> sorted(owner.types.begin(), owner.types.end());
  return {sorted.begin(), sorted.end()};
}

std::vector<OwnerStatus> OwnerStatuses(
    const std::vector<OwnerStanding>& standings) {
  const auto works =
      std::find_if(standings.begin(), standings.end(),
                   [](const OwnerStanding& o) { return !o.yields; });
  std::vector<OwnerStatus> owners;
  for (const OwnerStanding& standing : standings) {
    owners.push_back({.name = standing.owner.name,
                      .types = standing.owner.types,
                      .live_until = standing.live_until,
                      .why_it_yields = ""});
    if (!standing.yields) continue;
    owners.back().why_it_yields = WhyItYields(
        standing.owner.types, works == standings.end() ? nullptr : &*works);
  }
  return owners;
}

}  // namespace stele
