// How a consumer makes itself known, and takes and gives back its slots.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "consumers/engine.h"
#include "stele/base/invoke_user.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele {

absl::Status ConsumerEngine::Join() {
  STELE_RETURN_IF_ERROR(Register());
  return storage().Renew(options_.name, owner_, options_.lease).status();
}

absl::Status ConsumerEngine::Register() {
  if (is_registered_) return absl::OkStatus();
  STELE_RETURN_IF_ERROR(storage().Register(options_.name, options_.slots,
                                           options_.start_position));
  is_registered_ = true;
  return absl::OkStatus();
}

absl::Status ConsumerEngine::CheckReached(
    const std::vector<SlotLease>& leases) {
  std::int64_t last = 0;
  for (const SlotLease& lease : leases) last = std::max(last, lease.position);
  if (last == 0) return absl::OkStatus();
  const absl::Status status =
      store_
          .ReadLog({.after_position = last, .limit = 1},
                   [](RecordedEvent) { return absl::OkStatus(); })
          .status();
  STELE_RETURN_IF_ERROR(CheckEpoch());
  return status;
}

absl::Status ConsumerEngine::LookWhyNoSlots() {
  if (!slots_.empty()) {
    progress_.SetWhyItYields("");
    return absl::OkStatus();
  }
  return store_.Transact([this](Transaction& tx) -> absl::Status {
    STELE_ASSIGN_OR_RETURN(const std::optional<ConsumerStatus> consumer,
                           storage().Find(tx, options_.name));
    if (!consumer.has_value()) return absl::OkStatus();
    for (const OwnerStatus& owner : consumer->owners) {
      if (owner.name != owner_.name) continue;
      if (progress_.SetWhyItYields(owner.why_it_yields)) {
        Log(LogLevel::kWarning, "consumer yields",
            {{"consumer", options_.name}, {"cause", owner.why_it_yields}});
      }
    }
    return absl::OkStatus();
  });
}

absl::Status ConsumerEngine::KeepLeases() {
  STELE_RETURN_IF_ERROR(KeepEpoch());
  const absl::Time now = clock_.Now();
  if (!must_reload_ && now < next_renewal_) return absl::OkStatus();
  STELE_RETURN_IF_ERROR(Register());
  STELE_ASSIGN_OR_RETURN(
      const std::vector<SlotLease> leases,
      storage().Acquire(options_.name, owner_, options_.lease));
  keeper_.Renewed();
  const bool is_changed = slots_.Update(leases);
  next_renewal_ = now + options_.lease / 3;
  STELE_RETURN_IF_ERROR(LookWhyNoSlots());
  if (!is_changed && !must_reload_) return absl::OkStatus();

  STELE_RETURN_IF_ERROR(CheckReached(leases));
  STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> parked,
                         storage().ListParked(options_.name));
  parked_.Load(parked, slots_);
  cursor_ = slots_.least_position();
  next_checkpoint_ = now + kIdleCheckpointEvery;
  next_housekeeping_ = absl::InfinitePast();
  must_reload_ = false;
  progress_.SetSlots(slots_.size());
  progress_.SetParkedKeys(parked_.size());
  return InvokeUser(options_.name, [this] {
    handler_.OnLeasesChanged();
    return absl::OkStatus();
  });
}

void ConsumerEngine::ReleaseLeases(bool for_good) {
  slots_.Clear();
  progress_.SetSlots(0);
  progress_.SetWhyItYields("");
  if (!is_registered_) return;
  const absl::Status status =
      for_good ? storage().Release(options_.name, owner_.name)
               : storage().Suspend(options_.name, owner_.name);
  if (status.ok() || absl::IsNotFound(status)) return;
  // Whoever waits for them has to wait until they expire.
  Log(LogLevel::kWarning, "leases could not be released",
      {{"consumer", options_.name}, {"error", status.ToString()}});
}

}  // namespace stele
