#ifndef STELE_PROJECTIONS_SRC_REBUILD_VIEW_H_
#define STELE_PROJECTIONS_SRC_REBUILD_VIEW_H_

#include <string>

#include "absl/status/status.h"
#include "registry.h"

namespace stele::projections_internal {

// Makes the public name show the version's table, whatever it showed before.
// Users' grants survive, and so do views of users' that use only columns which
// both tables have in the same place. Throws what libpqxx throws.
//   kFailedPrecondition  the columns differ so that the view must be made anew,
//                        and other objects depend on it; the message lists
//                        them.
absl::Status ShowVersion(Registry& registry, const RegistryRow& row,
                         const VersionRow& version);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_REBUILD_VIEW_H_
