#include "check/routes.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "model/keys.h"
#include "model/names.h"

namespace stele::codegen {

void CheckRepeats(const Location& location, const std::string& owner,
                  const std::vector<const Route*>& routes, Problems& problems) {
  std::map<const Message*, int> times;
  for (const Route* route : routes) {
    const Message* event = route->event.target;
    if (event == nullptr || ++times[event] != 2) continue;
    problems.Add(location,
                 absl::StrCat(owner, " lists event ",
                              Quote(route->event.written), " twice"),
                 "list it once, with one way to find what it is about");
  }
}

// That the key which `route` yields is one, and fits the id it is for.
void CheckRoute(const Location& location, const std::string& owner,
                const Route& route, const std::vector<const Field*>& ids,
                Problems& problems) {
  if (route.event.target == nullptr) return;
  const std::string& event = route.event.written;
  if (route.by_field != nullptr && !CanBeKey(*route.by_field)) {
    problems.Add(location,
                 absl::StrCat("field ", Quote(route.by), " of ", Quote(event),
                              ", ", Describe(*route.by_field),
                              ", cannot find what the event is about"),
                 "name a field that is a string or an integer");
    return;
  }
  if (!route.by.empty() && route.by_field == nullptr) return;
  if (ids.size() != 1 || !CanBeKey(*ids[0])) return;
  for (const Field* source : SourcesOf(route)) {
    if (KeyFits(*source, *ids[0])) continue;
    problems.Add(
        location,
        absl::StrCat("the key that ", owner, " gets from ", Quote(event), ", ",
                     Describe(*source), ", does not always fit its id ",
                     Quote(ids[0]->name), ", ", Describe(*ids[0])),
        absl::StrCat("make ", Quote(ids[0]->name), " a string"));
    return;
  }
}

}  // namespace stele::codegen
