#ifndef STELE_PROJECTIONS_ADMIN_H_
#define STELE_PROJECTIONS_ADMIN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// One version of a projection's table.
struct ProjectionVersionStatus {
  int version = 0;          // 1, 2, 3, ... per projection.
  std::string fingerprint;  // Of the code that fills it.
  std::string table;        // Without schema.
  std::string consumer;     // Whose checkpoints say how far it is; empty while
                            // appends fill it (inline).
  std::int64_t position = 0;  // All events up to here are in it.
  std::int64_t parked_keys = 0;
  bool is_paused = false;       // By an operator.
  bool is_kept_current = true;  // false = frozen.
};

// How far a build is.
struct BuildProgress {
  std::string phase;  // "building", "switching", or what it waits for.
  std::int64_t position = 0;
  std::int64_t target = 0;
  double positions_per_second = 0;  // Lately; 0 while unknown.
  absl::Duration time_left = absl::InfiniteDuration();
  absl::Time started_at;
};

struct ProjectionStatus {
  std::string name;
  std::string view;  // Schema-qualified public name.
  bool is_inline = false;
  std::int64_t head = 0;  // Of the log.

  ProjectionVersionStatus active;
  std::optional<ProjectionVersionStatus> previous;  // What Undo() goes back to.
  std::optional<ProjectionVersionStatus> building;
  bool is_rebuild_requested = false;  // And not yet begun.
  std::optional<BuildProgress> progress;

  std::string last_error;  // Of the last build; empty when it succeeded.
  std::string comparison;  // Of old and new rows before the last switch.
  std::optional<absl::Time> switched_at;
  std::vector<std::string> processes;        // Alive, with the active code.
  std::vector<std::string> other_processes;  // Alive, with other code.
  // Of processes that are alive: "process: why its part does not go on".
  std::vector<std::string> problems;
};

// Operates projections from outside, through the database alone: it needs no
// code of the projections. PostgreSQL only.
//
// Errors: kUnavailable; kNotFound for an unknown projection; and those listed.
// Thread-safe.
class ProjectionAdmin {
 public:
  // `store` must outlive it.
  //   kFailedPrecondition  the store has no SQL; or the tables of projections
  //                        are missing, or older or newer than this library.
  static absl::StatusOr<std::unique_ptr<ProjectionAdmin>> Create(
      EventStore& store);
  virtual ~ProjectionAdmin() = default;

  virtual absl::StatusOr<std::vector<ProjectionStatus>> List() = 0;
  virtual absl::StatusOr<ProjectionStatus> Status(const std::string& name) = 0;

  // Asks the processes that serve the projection to build its table anew and
  // switch to it. Returns at once; follow Status().
  //
  // `fingerprint` names the code to build with; empty = the active one.
  //   kFailedPrecondition  no live process has that code, or a build is under
  //                        way.
  virtual absl::Status RequestRebuild(const std::string& name,
                                      const std::string& fingerprint = "") = 0;

  // Gives up a rebuild that was requested or is under way; its table is
  // dropped. The live table is not touched.
  //   kFailedPrecondition  none is.
  virtual absl::Status Abort(const std::string& name) = 0;

  // Has the log fill an inline projection from now on, so that processes that
  // do not have it may append its events again: for one that is no longer run.
  // A process that starts with it as an inline one makes it one again.
  //   kFailedPrecondition  it is not inline, or a build is under way.
  virtual absl::Status PutBehindLog(const std::string& name) = 0;

  // Switches back to the previous table, after it has caught up with the active
  // one. What was active becomes the previous one: undoing twice changes
  // nothing.
  //   kFailedPrecondition  there is no previous table, or a build is under way.
  //   kDeadlineExceeded    it did not catch up by `deadline`: no process keeps
  //                        it current; the message names the code needed.
  virtual absl::Status Undo(const std::string& name, absl::Time deadline) = 0;
};

// As Projections::WaitFor(), for processes that do not run the projection.
absl::Status WaitForProjection(EventStore& store, const std::string& projection,
                               std::int64_t position, absl::Time deadline);

}  // namespace stele

#endif  // STELE_PROJECTIONS_ADMIN_H_
