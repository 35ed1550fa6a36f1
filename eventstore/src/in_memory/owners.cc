#include "in_memory/owners.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "consumers/owners.h"

namespace stele::in_memory {
namespace {

// For how many leases others yield to an owner that is no longer heard of.
constexpr int kAwaitedLeases = 6;

// How long it is remembered beyond that, for the order in which the sets came.
constexpr absl::Duration kRemembered = absl::Hours(24);

using Types = std::vector<std::string>;

// True iff who handles `wide` handles more than who handles `narrow`.
bool IsWider(const Types& wide, const Types& narrow) {
  if (wide == narrow || narrow.empty()) return false;
  return wide.empty() ||
         std::includes(wide.begin(), wide.end(), narrow.begin(), narrow.end());
}

std::int64_t JoinedAs(const ConsumerState& state, const Types& types) {
  std::int64_t last = 0;
  for (const auto& [name, owner] : state.owners) {
    if (owner.types == types) return owner.joined;
    last = std::max(last, owner.joined);
  }
  return last + 1;
}

// One set of types works: of those of awaited owners that no other one
// contains, the last that came.
const Types& WorkingTypes(const ConsumerState& state, absl::Time now) {
  const Owner* works = nullptr;
  for (const auto& [name, owner] : state.owners) {
    if (owner.awaited_until <= now) continue;
    const bool is_contained = std::any_of(
        state.owners.begin(), state.owners.end(), [&](const auto& other) {
          return other.second.awaited_until > now &&
                 IsWider(other.second.types, owner.types);
        });
    if (is_contained) continue;
    if (works == nullptr || works->joined < owner.joined) works = &owner;
  }
  return works->types;
}

}  // namespace

void Enter(ConsumerState& state, const ConsumerOwner& owner, absl::Time now,
           absl::Duration lease) {
  std::erase_if(state.owners, [&](const auto& known) {
    return known.second.awaited_until <= now - kRemembered;
  });
  const Types types = SortedTypes(owner);
  const std::int64_t joined = JoinedAs(state, types);
  state.owners[owner.name] = {.types = types,
                              .joined = joined,
                              .live_until = now + lease,
                              .awaited_until = now + kAwaitedLeases * lease};
  const Types working = WorkingTypes(state, now);
  for (auto& [name, known] : state.owners) {
    known.yields = known.types != working;
  }
  for (SlotStatus& slot : state.slots) {
    if (Yields(state, slot.owner)) GiveUp(slot);
  }
}

std::size_t ShareOf(const ConsumerState& state, const std::string& owner,
                    absl::Time now) {
  if (Yields(state, owner)) return 0;
  const auto sharing = static_cast<std::size_t>(std::count_if(
      state.owners.begin(), state.owners.end(), [&](const auto& known) {
        return known.second.live_until > now && !known.second.yields;
      }));
  return (state.slots.size() + sharing - 1) / sharing;
}

bool IsLive(const ConsumerState& state, const std::string& owner,
            absl::Time now) {
  const auto found = state.owners.find(owner);
  return found != state.owners.end() && found->second.live_until > now;
}

bool Yields(const ConsumerState& state, const std::string& owner) {
  const auto found = state.owners.find(owner);
  return found != state.owners.end() && found->second.yields;
}

std::vector<OwnerStatus> OwnersOf(const ConsumerState& state, absl::Time now) {
  std::vector<OwnerStanding> standings;
  for (const auto& [name, owner] : state.owners) {
    if (owner.awaited_until <= now) continue;
    standings.push_back({.owner = {.name = name, .types = owner.types},
                         .live_until = owner.live_until,
                         .yields = owner.yields});
  }
  return OwnerStatuses(standings);
}

void GiveUp(SlotStatus& slot) {
  slot.owner.clear();
  slot.lease_until = absl::InfinitePast();
}

}  // namespace stele::in_memory
