#ifndef STELE_CLI_REBUILD_H_
#define STELE_CLI_REBUILD_H_

#include <boost/json.hpp>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "commands.h"
#include "output.h"
#include "stele/projections/admin.h"

namespace stele::cli {

// What commands on one projection are told.
struct ProjectionOptions {
  std::string name;
  std::int64_t timeout_seconds = 3600;
  bool no_wait = false;
};

// Asks for a rebuild and follows it, with its progress on standard error.
//
// Errors: those of ProjectionAdmin::RequestRebuild(), and
//   kAborted             the rebuild failed or was given up.
//   kFailedPrecondition  nobody serves the projection any more.
//   kDeadlineExceeded    it takes longer than asked for; it goes on.
//   kCancelled           the user interrupted the waiting; it goes on.
absl::StatusOr<Report> Rebuild(const Context& context,
                               const ProjectionOptions& options);

boost::json::object ToJson(const ProjectionStatus& status);

// kNotFound, with the names of those there are, unless `name` is one of them.
absl::Status CheckKnown(ProjectionAdmin& admin, const std::string& name);

}  // namespace stele::cli

#endif  // STELE_CLI_REBUILD_H_
