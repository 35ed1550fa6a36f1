#ifndef STELE_PROJECTIONS_SRC_REGISTRATION_H_
#define STELE_PROJECTIONS_SRC_REGISTRATION_H_

#include "absl/status/status.h"
#include "projections_impl.h"
#include "registry.h"

namespace stele::projections_internal {

// Makes a projection known, with its first table and its view, or checks that
// what is known fits this process. See Projections::Create() for the errors.
absl::Status RegisterProjection(EventStore& store,
                                const PlannedProjection& planned,
                                const ProjectionsOptions& options);

// Has the log, not appends, fill the projection from now on; whoever does not
// have it may append its events again. Throws what libpqxx throws.
void PutBehindLog(Registry& registry, Transaction& tx, const RegistryRow& row);

// Gives the event types of a projection their numbers, so that they can be
// guarded, and commits that: before each transaction that adds a version, for
// whoever holds such names in an open transaction delays appends.
absl::Status InternTypes(EventStore& store, const Projection& projection);

// Adds a version with its table, and runs the user's Prepare(). Throws what
// libpqxx throws.
absl::StatusOr<VersionRow> CreateVersion(Registry& registry,
                                         const RegistryRow& row,
                                         const Projection& projection,
                                         VersionState state);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_REGISTRATION_H_
