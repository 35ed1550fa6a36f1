// Projections on PostgreSQL.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "feeds/sql_inline.h"
#include "projections_impl.h"
#include "registration.h"
#include "registry.h"
#include "rows/row_readers.h"
#include "served.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stop_wait.h"
#include "wait.h"

namespace stele::projections_internal {
namespace {

std::vector<std::shared_ptr<const Projection>> InlineOnes(
    const std::vector<PlannedProjection>& planned) {
  std::vector<std::shared_ptr<const Projection>> inline_ones;
  for (const PlannedProjection& plan : planned) {
    if (plan.is_inline) inline_ones.push_back(plan.projection);
  }
  return inline_ones;
}

class SqlProjections : public Projections {
 public:
  SqlProjections(EventStore& store,
                 const std::vector<PlannedProjection>& planned,
                 ProjectionsOptions options)
      : store_(store),
        options_(std::move(options)),
        inline_work_(MakeSqlInlineWork(InlineOnes(planned))),
        inline_store_(MakeInlineStore(store, *inline_work_)),
        reader_(MakeSqlRowReader(store, options_.read_schema)) {
    for (const PlannedProjection& plan : planned) {
      served_.push_back(std::make_unique<Served>(store, plan, options_));
    }
  }

  absl::Status Run(std::stop_token stop) override {
    std::vector<absl::Time> due(served_.size(), absl::InfinitePast());
    absl::Status error;
    while (error.ok() && !WaitForStop(stop, UntilNext(due))) {
      for (std::size_t i = 0; i < served_.size(); ++i) {
        if (stop.stop_requested()) break;
        if (ClockOf(options_).Now() < due[i]) continue;
        due[i] = served_[i]->Tick();
        if (!served_[i]->HasReported()) error = CheckSchema();
      }
    }
    // All are told before any is waited for, lest the last ones go on
    // meanwhile.
    for (const auto& served : served_) served->RequestStop();
    for (const auto& served : served_) served->Stop();
    return error;
  }

  EventStore& store() override { return *inline_store_; }
  RowReader& reader() override { return *reader_; }

  absl::Status WaitFor(std::string_view projection, std::int64_t position,
                       absl::Time deadline) override {
    const std::string name(projection);
    for (const auto& served : served_) {
      if (served->name() != name) continue;
      return AwaitPosition(store_, name, position, deadline,
                           [&] { return FindActiveFeed(store_, name); });
    }
    return absl::NotFoundError(absl::StrCat("no projection ", Quoted(name)));
  }

  std::vector<ProjectionActivity> Activity() const override {
    std::vector<ProjectionActivity> activities;
    for (const auto& served : served_) activities.push_back(served->Activity());
    return activities;
  }

 private:
  // At most a poll, for a clock of tests may jump.
  absl::Duration UntilNext(const std::vector<absl::Time>& due) const {
    const absl::Time now = ClockOf(options_).Now();
    absl::Time next = now + options_.poll;
    for (const absl::Time time : due) next = std::min(next, time);
    return std::max(next - now, absl::ZeroDuration());
  }

  // An error if there is nothing that any projection could go on with.
  absl::Status CheckSchema() const {
    const absl::Status status = CheckHasRegistry(store_);
    return IsTransient(status) ? absl::OkStatus() : status;
  }

  EventStore& store_;
  const ProjectionsOptions options_;
  const std::unique_ptr<InlineWork> inline_work_;
  const std::unique_ptr<EventStore> inline_store_;
  const std::unique_ptr<RowReader> reader_;
  std::vector<std::unique_ptr<Served>> served_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Projections>> MakeSqlProjections(
    EventStore& store, std::vector<PlannedProjection> planned,
    ProjectionsOptions options) {
  STELE_RETURN_IF_ERROR(CheckHasRegistry(store));
  std::vector<absl::Status> problems;
  for (const PlannedProjection& plan : planned) {
    problems.push_back(RegisterProjection(store, plan, options));
  }
  STELE_RETURN_IF_ERROR(AllOf(problems));
  return std::make_unique<SqlProjections>(store, planned, std::move(options));
}

}  // namespace stele::projections_internal
