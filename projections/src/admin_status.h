#ifndef STELE_PROJECTIONS_SRC_ADMIN_STATUS_H_
#define STELE_PROJECTIONS_SRC_ADMIN_STATUS_H_

#include "absl/status/statusor.h"
#include "registry.h"
#include "stele/eventstore/event_store.h"
#include "stele/projections/admin.h"

namespace stele::projections_internal {

// How a projection stands, for operators: what the registry says, and how far
// its consumers are.
absl::StatusOr<ProjectionStatus> StatusOf(EventStore& store,
                                          const RegistryRow& row);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_ADMIN_STATUS_H_
