#ifndef STELE_PROJECTIONS_SRC_REBUILD_BUILDER_H_
#define STELE_PROJECTIONS_SRC_REBUILD_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "projections_impl.h"
#include "rebuild/switch.h"
#include "registry.h"

namespace stele::projections_internal {

// Leads the build of one projection's next version, as far as this process may
// and should: begins it when the code is new or a rebuild was requested,
// follows it, compares, and switches when it has caught up. All that it knows
// is in the registry, so that any process with the same code can take over.
//
// Not thread-safe: one thread at a time.
class Builder {
 public:
  // All must outlive it.
  Builder(EventStore& store, const Projection& projection,
          const ProjectionsOptions& options);

  // Does what is next. `row` is the registry as just read. Returns true if it
  // should be called again soon.
  absl::StatusOr<bool> Step(const RegistryRow& row);

 private:
  struct Sample {
    int version = 0;
    std::int64_t position = 0;
    absl::Time at;
  };

  bool WantsBuild(const RegistryRow& row) const;
  bool MustSettleInline(const RegistryRow& row) const;
  absl::StatusOr<bool> TakeLead(const RegistryRow& row);
  absl::Status Begin();
  void TakeOverAppends(Registry& registry, Transaction& tx,
                       const RegistryRow& row);
  absl::StatusOr<bool> Follow(const RegistryRow& row);
  absl::StatusOr<bool> Switch(const RegistryRow& row, int version);
  absl::Status Note(const std::string& phase, const std::string& error,
                    std::int64_t position, double rate);
  double RateAt(int version, std::int64_t position);
  // True once there is nothing more to compare.
  bool Compare(const RegistryRow& row, const VersionRow& version);

  EventStore& store_;
  const Projection& projection_;
  const ProjectionsOptions& options_;
  Clock& clock_;
  std::optional<Sample> sample_;
  double rate_ = 0;
  int near_version_ = 0;  // Being compared.
  bool is_compared_ = false;
  absl::Time compare_until_;
  std::string comparison_;
  std::optional<Switcher> switcher_;  // Of the switch being tried.
};

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_REBUILD_BUILDER_H_
