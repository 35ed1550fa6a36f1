#include "inbox_lease.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"

namespace stele::outbox_internal {

using SteadyClock = std::chrono::steady_clock;

InboxLease::InboxLease(EventStore& store, std::string inbox, std::string owner,
                       absl::Duration lease)
    : store_(store),
      name_(absl::StrCat("inbox/", inbox)),
      owner_(std::move(owner)),
      lease_(lease) {}

absl::StatusOr<InboxLease::Hold> InboxLease::Keep() {
  if (!is_due_ && SteadyClock::now() < next_renewal_)
    return held_.has_value() ? Hold::kKept : Hold::kNobodys;
  if (!is_registered_) {
    STELE_RETURN_IF_ERROR(store_.consumers().Register(name_, 1, 0));
    is_registered_ = true;
  }
  const SteadyClock::time_point asked = SteadyClock::now();
  STELE_ASSIGN_OR_RETURN(const std::vector<SlotLease> slots,
                         store_.consumers().Acquire(name_, owner_, lease_));
  is_due_ = false;
  next_renewal_ = asked + absl::ToChronoNanoseconds(lease_ / 3);
  const std::optional<SlotLease> before = std::exchange(held_, std::nullopt);
  if (slots.empty()) return Hold::kNobodys;
  held_ = slots.front();
  const bool is_kept = before.has_value() && before->epoch == held_->epoch;
  return is_kept ? Hold::kKept : Hold::kTaken;
}

absl::Status InboxLease::Fence(Transaction& tx) {
  if (!held_.has_value())
    return absl::AbortedError(absl::StrCat(name_, ": the lease is not ours"));
  // Moves nothing: the row is checked, and locked until the end of `tx`.
  const SlotAdvance same{*held_, held_->position};
  return store_.consumers().Advance(tx, name_, {&same, 1});
}

void InboxLease::Release() {
  held_.reset();
  is_due_ = true;
  if (!is_registered_) return;
  // Best effort: it expires by itself.
  store_.consumers().Release(name_, owner_).IgnoreError();
}

}  // namespace stele::outbox_internal
