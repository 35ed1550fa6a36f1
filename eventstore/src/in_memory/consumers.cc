#include "in_memory/consumers.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "consumers/errors.h"
#include "in_memory/owners.h"
#include "in_memory/transaction.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "validate.h"

namespace stele::in_memory {
namespace {

absl::Status LostSlot(const std::string& consumer, const SlotLease& lease,
                      const char* what) {
  return absl::AbortedError(absl::StrCat("consumer ", Quoted(consumer),
                                         ": slot ", lease.slot, " ", what));
}

// An owner whose lease has expired is none.
ConsumerStatus StatusOf(const std::string& name, const ConsumerState& state,
                        absl::Time now) {
  ConsumerStatus status = {
      .name = name,
      .slots = state.slots,
      .owners = OwnersOf(state, now),
      .parked_keys = static_cast<std::int64_t>(state.parked.size()),
      .is_paused = state.is_paused};
  for (SlotStatus& slot : status.slots) {
    if (slot.lease_until <= now) slot.owner.clear();
  }
  return status;
}

bool IsHeldBy(const SlotStatus& slot, const std::string& owner) {
  return slot.owner == owner;
}

void GiveUpAll(ConsumerState& state, const std::string& owner) {
  for (SlotStatus& slot : state.slots) {
    if (IsHeldBy(slot, owner)) GiveUp(slot);
  }
}

void RenewShare(ConsumerState& state, const std::string& owner,
                absl::Time until, std::size_t share) {
  std::size_t held = 0;
  for (SlotStatus& slot : state.slots) {
    if (!IsHeldBy(slot, owner)) continue;
    if (held < share) {
      slot.lease_until = until;
      ++held;
    } else {
      GiveUp(slot);
    }
  }
}

void TakeShare(ConsumerState& state, const std::string& owner, absl::Time now,
               absl::Time until, std::size_t share) {
  auto held = static_cast<std::size_t>(
      std::count_if(state.slots.begin(), state.slots.end(),
                    [&](const SlotStatus& s) { return IsHeldBy(s, owner); }));
  for (SlotStatus& slot : state.slots) {
    if (held >= share) return;
    if (IsHeldBy(slot, owner)) continue;
    if (IsLive(state, slot.owner, now)) continue;
    slot.owner = owner;
    slot.lease_until = until;
    ++slot.epoch;
    ++held;
  }
}

std::vector<SlotLease> LeasesOf(const ConsumerState& state,
                                const std::string& owner) {
  std::vector<SlotLease> leases;
  for (const SlotStatus& slot : state.slots) {
    if (IsHeldBy(slot, owner)) {
      leases.push_back({slot.slot, slot.epoch, slot.position, owner});
    }
  }
  return leases;
}

// Drops what is held beyond `position`, and keys that then hold nothing.
void DropHeldBeyond(ConsumerState& state, std::int64_t position) {
  for (auto it = state.parked.begin(); it != state.parked.end();) {
    std::set<std::int64_t>& held = it->second.held;
    held.erase(held.upper_bound(position), held.end());
    it = held.empty() ? state.parked.erase(it) : std::next(it);
  }
}

}  // namespace

absl::Status InMemoryConsumers::Change(
    const std::string& consumer,
    const std::function<absl::Status(ConsumerState&)>& change) {
  return core_.Writing([&]() -> absl::Status {
    const auto found = core_.committed().consumers.find(consumer);
    if (found == core_.committed().consumers.end()) {
      return UnknownConsumer(consumer);
    }
    ConsumerState next = found->second;
    STELE_RETURN_IF_ERROR(change(next));
    core_.Commit(
        [&](State& state) { state.consumers[consumer] = std::move(next); });
    return absl::OkStatus();
  });
}

absl::StatusOr<ConsumerState*> InMemoryConsumers::FindIn(
    Transaction& tx, const std::string& consumer) {
  auto* mine = dynamic_cast<InMemoryTransaction*>(&tx);
  if (mine == nullptr || !mine->BelongsTo(core_)) {
    return absl::InvalidArgumentError(
        "the transaction belongs to another store");
  }
  return mine->MutableConsumer(consumer);
}

absl::Status InMemoryConsumers::ChangeIn(
    Transaction& tx, const std::string& consumer,
    const std::function<absl::Status(ConsumerState&)>& change) {
  STELE_ASSIGN_OR_RETURN(ConsumerState * state, FindIn(tx, consumer));
  auto& mine = static_cast<InMemoryTransaction&>(tx);
  if (state == nullptr) return mine.Fail(UnknownConsumer(consumer));
  return mine.Fail(change(*state));
}

absl::Status InMemoryConsumers::Register(const std::string& consumer, int slots,
                                         std::int64_t start_position) {
  STELE_RETURN_IF_ERROR(ValidateRegister(consumer, slots, start_position));
  return core_.Writing([&]() -> absl::Status {
    const auto found = core_.committed().consumers.find(consumer);
    if (found != core_.committed().consumers.end()) {
      const std::size_t known = found->second.slots.size();
      if (known == static_cast<std::size_t>(slots)) return absl::OkStatus();
      return absl::FailedPreconditionError(
          absl::StrCat("consumer ", Quoted(consumer), " has ", known,
                       " slots, not ", slots));
    }
    core_.Commit([&](State& state) {
      ConsumerState& made = state.consumers[consumer];
      for (int i = 0; i < slots; ++i) {
        made.slots.push_back({.slot = i,
                              .position = start_position,
                              .epoch = 0,
                              .owner = "",
                              .lease_until = absl::InfinitePast(),
                              .updated_at = core_.Now()});
      }
    });
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<SlotLease>> InMemoryConsumers::Acquire(
    const std::string& consumer, const ConsumerOwner& owner,
    absl::Duration lease) {
  STELE_RETURN_IF_ERROR(ValidateAcquire(consumer, owner, lease));
  std::vector<SlotLease> leases;
  STELE_RETURN_IF_ERROR(Change(consumer, [&](ConsumerState& state) {
    const absl::Time now = core_.Now();
    Enter(state, owner, now, lease);
    const std::size_t share = ShareOf(state, owner.name, now);
    RenewShare(state, owner.name, now + lease, share);
    TakeShare(state, owner.name, now, now + lease, share);
    leases = LeasesOf(state, owner.name);
    return absl::OkStatus();
  }));
  return leases;
}

absl::StatusOr<std::vector<SlotLease>> InMemoryConsumers::Renew(
    const std::string& consumer, const ConsumerOwner& owner,
    absl::Duration lease) {
  STELE_RETURN_IF_ERROR(ValidateAcquire(consumer, owner, lease));
  std::vector<SlotLease> leases;
  STELE_RETURN_IF_ERROR(Change(consumer, [&](ConsumerState& state) {
    const absl::Time now = core_.Now();
    Enter(state, owner, now, lease);
    RenewShare(state, owner.name, now + lease, state.slots.size());
    leases = LeasesOf(state, owner.name);
    return absl::OkStatus();
  }));
  return leases;
}

absl::Status InMemoryConsumers::Release(const std::string& consumer,
                                        const std::string& owner) {
  return Change(consumer, [&](ConsumerState& state) {
    state.owners.erase(owner);
    GiveUpAll(state, owner);
    return absl::OkStatus();
  });
}

absl::Status InMemoryConsumers::Suspend(const std::string& consumer,
                                        const std::string& owner) {
  return Change(consumer, [&](ConsumerState& state) {
    const auto known = state.owners.find(owner);
    if (known != state.owners.end()) known->second.live_until = core_.Now();
    GiveUpAll(state, owner);
    return absl::OkStatus();
  });
}

absl::Status InMemoryConsumers::Advance(Transaction& tx,
                                        const std::string& consumer,
                                        std::span<const SlotAdvance> advances) {
  STELE_RETURN_IF_ERROR(ValidateAdvances(advances));
  absl::Status status = ChangeIn(tx, consumer, [&](ConsumerState& state) {
    for (const SlotAdvance& advance : advances) {
      const auto slot = static_cast<std::size_t>(advance.lease.slot);
      if (advance.lease.slot < 0 || slot >= state.slots.size()) {
        return LostSlot(consumer, advance.lease, "does not exist");
      }
      SlotStatus& kept = state.slots[slot];
      if (kept.owner.empty() || kept.owner != advance.lease.owner ||
          kept.epoch != advance.lease.epoch) {
        return LostSlot(consumer, advance.lease, "is no longer leased");
      }
      if (kept.position != advance.lease.position) {
        return LostSlot(consumer, advance.lease, "is at another position");
      }
      kept.position = advance.position;
      kept.updated_at = core_.Now();
    }
    return absl::OkStatus();
  });
  // Whoever works for a consumer that was forgotten has lost its leases, too.
  if (absl::IsNotFound(status)) return absl::AbortedError(status.message());
  return status;
}

absl::StatusOr<std::vector<ConsumerStatus>> InMemoryConsumers::List() {
  std::vector<ConsumerStatus> list;
  core_.Reading([&](const State& state) {
    for (const auto& [name, consumer] : state.consumers) {
      list.push_back(StatusOf(name, consumer, core_.Now()));
    }
  });
  return list;
}

absl::StatusOr<std::optional<ConsumerStatus>> InMemoryConsumers::Find(
    Transaction& tx, const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const ConsumerState* state, FindIn(tx, consumer));
  if (state == nullptr) return std::nullopt;
  return StatusOf(consumer, *state, core_.Now());
}

absl::Status InMemoryConsumers::SetPaused(const std::string& consumer,
                                          bool paused) {
  return Change(consumer, [&](ConsumerState& state) {
    state.is_paused = paused;
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> InMemoryConsumers::IsPaused(const std::string& consumer) {
  return core_.Reading([&](const State& state) -> absl::StatusOr<bool> {
    const auto found = state.consumers.find(consumer);
    if (found == state.consumers.end()) return UnknownConsumer(consumer);
    return found->second.is_paused;
  });
}

absl::Status InMemoryConsumers::Reset(const std::string& consumer,
                                      std::int64_t position) {
  STELE_RETURN_IF_ERROR(ValidateRegister(consumer, 1, position));
  return Change(consumer, [&](ConsumerState& state) {
    for (SlotStatus& slot : state.slots) {
      slot.position = position;
      slot.updated_at = core_.Now();
      ++slot.epoch;
    }
    DropHeldBeyond(state, position);
    return absl::OkStatus();
  });
}

absl::Status InMemoryConsumers::Forget(const std::string& consumer) {
  return core_.Writing([&] {
    core_.Commit([&](State& state) { state.consumers.erase(consumer); });
    return absl::OkStatus();
  });
}

}  // namespace stele::in_memory
