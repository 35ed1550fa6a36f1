#include "check/sagas.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "check/ids.h"
#include "check/routes.h"
#include "model/names.h"

namespace stele::codegen {
namespace {

void CheckSends(const Message& message, Problems& problems) {
  std::map<const Message*, int> times;
  for (const Reference& command : message.saga->sends) {
    if (command.target == nullptr || ++times[command.target] != 2) continue;
    problems.Add(message.saga->location,
                 absl::StrCat("saga ", Quote(message.name), " lists ",
                              Quote(command.written), " twice in `sends`"),
                 "list it once");
  }
}

void CheckTimers(const Message& message, Problems& problems) {
  std::map<std::string, int> times;
  for (const std::string& timer : message.saga->timers) {
    if (!IsTimerName(timer)) {
      problems.Add(message.saga->location,
                   absl::StrCat("bad timer name ", Quote(timer)),
                   absl::StrCat("use small letters, digits and underscores, at "
                                "most 128, e.g. ",
                                Quote(AsSnakeCase(timer, "timeout"))));
    }
    if (++times[timer] == 2) {
      problems.Add(message.saga->location,
                   absl::StrCat("saga ", Quote(message.name), " has timer ",
                                Quote(timer), " twice"),
                   "list it once");
    }
  }
}

}  // namespace

void CheckSaga(const Message& message, Problems& problems) {
  const Saga& saga = *message.saga;
  const std::string owner = absl::StrCat("saga ", Quote(message.name));
  if (!saga.starts_on || saga.starts_on->event.written.empty()) {
    problems.Add(saga.location,
                 absl::StrCat(owner, " has no event that starts it"),
                 "write starts_on { event: \"<event>\" }");
  }
  if (!IsSagaName(message.name)) {
    problems.Add(message.location, absl::StrCat(owner, " has too long a name"),
                 "rename it; at most 128 bytes");
  }
  const std::vector<const Field*> ids = message.ids();
  if (ids.empty()) {
    problems.Add(message.location,
                 absl::StrCat(owner, " has no id to find its instances by"),
                 "mark a field with [(stele.id) = true]");
  }
  ExpectOneId(ids, owner, "mark one field only", problems);
  for (const Field* field : ids) CheckKey(*field, problems);
  CheckRepeats(saga.location, owner, RoutesOf(saga), problems);
  for (const Route* route : RoutesOf(saga)) {
    CheckRoute(saga.location, owner, *route, ids, problems);
  }
  CheckSends(message, problems);
  CheckTimers(message, problems);
}

}  // namespace stele::codegen
