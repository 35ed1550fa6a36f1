#include "inbox_lease.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"

namespace stele::outbox_internal {

using SteadyClock = std::chrono::steady_clock;

InboxLease::InboxLease(EventStore& store, const InboxOptions& options,
                       std::string owner, Clock& clock,
                       std::function<void(const absl::Status&)> on_stuck)
    : store_(store),
      name_(absl::StrCat("inbox/", options.name)),
      owner_(std::move(owner)),
      lease_(options.lease),
      keeper_(store.consumers(),
              {.consumer = name_,
               .owner = {owner_},
               .lease = options.lease,
               .handle_time_max = options.handle_time_max,
               .on_stuck = std::move(on_stuck)},
              clock) {}

absl::StatusOr<InboxLease::Hold> InboxLease::Keep() {
  keeper_.BeginWork();
  if (!is_due_ && SteadyClock::now() < next_renewal_)
    return held_.has_value() ? Hold::kKept : Hold::kNobodys;
  if (!std::exchange(is_keeping_, true)) keeper_.Start();
  if (!is_registered_) {
    STELE_RETURN_IF_ERROR(store_.consumers().Register(name_, 1, 0));
    is_registered_ = true;
  }
  const SteadyClock::time_point asked = SteadyClock::now();
  STELE_ASSIGN_OR_RETURN(const std::vector<SlotLease> slots,
                         store_.consumers().Acquire(name_, {owner_}, lease_));
  keeper_.Renewed();
  is_due_ = false;
  next_renewal_ = asked + absl::ToChronoNanoseconds(lease_ / 3);
  const std::optional<SlotLease> before = std::exchange(held_, std::nullopt);
  if (slots.empty()) return Hold::kNobodys;
  held_ = slots.front();
  const bool is_kept = before.has_value() && before->epoch == held_->epoch;
  return is_kept ? Hold::kKept : Hold::kTaken;
}

absl::Status InboxLease::Fence(Transaction& tx) {
  keeper_.BeginWork();
  if (!held_.has_value())
    return absl::AbortedError(absl::StrCat(name_, ": the lease is not ours"));
  // Moves nothing: the row is checked, and locked until the end of `tx`.
  const SlotAdvance same{*held_, held_->position};
  return store_.consumers().Advance(tx, name_, {&same, 1});
}

void InboxLease::Release() {
  keeper_.Stop();  // Or it would renew what is released.
  is_keeping_ = false;
  held_.reset();
  is_due_ = true;
  if (!is_registered_) return;
  // Best effort: it expires by itself.
  store_.consumers().Release(name_, owner_).IgnoreError();
}

}  // namespace stele::outbox_internal
