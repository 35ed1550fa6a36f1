#ifndef STELE_CODEGEN_CHECK_ROUTES_H_
#define STELE_CODEGEN_CHECK_ROUTES_H_

#include <string>
#include <vector>

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// What read models and sagas have in common: events, and how each finds what it
// is about. `owner` is the read model or saga in words.

// That no event is listed twice.
void CheckRepeats(const Location& location, const std::string& owner,
                  const std::vector<const Route*>& routes, Problems& problems);

// That the key which `route` yields is one, and fits the id it is for.
void CheckRoute(const Location& location, const std::string& owner,
                const Route& route, const std::vector<const Field*>& ids,
                Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_ROUTES_H_
