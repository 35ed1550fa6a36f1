#ifndef STELE_PROJECTIONS_SRC_SERVED_H_
#define STELE_PROJECTIONS_SRC_SERVED_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "feeds/feed_keeper.h"
#include "projections_impl.h"
#include "rebuild/builder.h"
#include "registry.h"
#include "stele/base/backoff.h"

namespace stele::projections_internal {

// One projection of this process: its feeds, and its part in builds. What keeps
// it from going on is logged, told to the registry and to Activity(), and tried
// again with back-off; it concerns no other projection.
//
// Not thread-safe, but for Activity().
class Served {
 public:
  // `store` and `options` must outlive it.
  Served(EventStore& store, const PlannedProjection& planned,
         const ProjectionsOptions& options);

  const std::string& name() const { return projection_->type.name; }

  // Says that this process is alive, runs the feeds it should, and does what is
  // next in a build, where it is time for it. Returns when to call it again.
  absl::Time Tick();

  // Has everything stop, and does not wait for it. Stop() follows.
  void RequestStop() { feeds_.RequestStop(); }
  // Stops everything; waits for what is being handled.
  void Stop();

  // False if the registry could not be read in the last tick.
  bool HasReported() const;

  ProjectionActivity Activity() const;

 private:
  absl::StatusOr<RegistryRow> Report();
  bool ShouldFeed(const VersionRow& version) const;
  void MindFeeds(const RegistryRow& row);
  absl::StatusOr<std::unique_ptr<FeedRunner>> StartFeed(
      const std::string& read_schema, const VersionRow& version);
  // True = soon again.
  bool MindBuild(const RegistryRow& row);
  void NoteActivity(const RegistryRow& row);
  // Says why it does not go on; OK = it does.
  void NoteProblem(const absl::Status& problem);
  absl::Status Problem() const;

  EventStore& store_;
  const std::shared_ptr<const Projection> projection_;
  const bool is_inline_;
  const ProjectionsOptions& options_;
  Clock& clock_;
  Gauge& is_failing_;
  Builder builder_;
  FeedKeeper feeds_;
  Backoff report_backoff_;
  Backoff build_backoff_;
  absl::Time next_build_ = absl::InfinitePast();
  mutable absl::Mutex mutex_;
  absl::Status report_error_ ABSL_GUARDED_BY(mutex_);  // Of the last tick.
  absl::Status build_error_ ABSL_GUARDED_BY(mutex_);   // Of the last step.
  ProjectionActivity activity_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_SERVED_H_
