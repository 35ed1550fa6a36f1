// The keys that consumers have set aside.
#include <algorithm>
#include <utility>

#include "consumers/errors.h"
#include "in_memory/consumers.h"
#include "in_memory/transaction.h"
#include "stele/base/status.h"
#include "validate.h"

namespace stele::in_memory {
namespace {

std::vector<ParkedKey> ParkedKeysOf(const ConsumerState& state) {
  std::vector<ParkedKey> keys;
  for (const auto& [key, parked] : state.parked) {
    keys.push_back(parked.parked);
    keys.back().held = static_cast<std::int64_t>(parked.held.size());
  }
  return keys;
}

}  // namespace

absl::StatusOr<std::vector<ParkedKey>> InMemoryConsumers::ListParked(
    const std::string& consumer) {
  std::vector<ParkedKey> keys;
  core_.Reading([&](const State& state) {
    const auto found = state.consumers.find(consumer);
    if (found != state.consumers.end()) keys = ParkedKeysOf(found->second);
  });
  return keys;
}

absl::StatusOr<std::vector<ParkedKey>> InMemoryConsumers::ListParked(
    Transaction& tx, const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const ConsumerState* state, FindIn(tx, consumer));
  return state == nullptr ? std::vector<ParkedKey>() : ParkedKeysOf(*state);
}

absl::StatusOr<std::vector<std::int64_t>> InMemoryConsumers::HeldPositions(
    const std::string& consumer, const std::string& key, std::int64_t limit) {
  std::vector<std::int64_t> positions;
  core_.Reading([&](const State& state) {
    const auto found = state.consumers.find(consumer);
    if (found == state.consumers.end()) return;
    const auto parked = found->second.parked.find(key);
    if (parked == found->second.parked.end()) return;
    for (const std::int64_t position : parked->second.held) {
      if (static_cast<std::int64_t>(positions.size()) >= limit) return;
      positions.push_back(position);
    }
  });
  return positions;
}

namespace {

// True iff what an operator asked for outlasts a try that failed at `first`.
bool Outlasts(const ParkedKey& asked, std::int64_t first) {
  return asked.state == ParkedState::kDiscardAll ||
         (asked.state == ParkedState::kDiscardOne &&
          asked.discard_position == first);
}

}  // namespace

absl::Status InMemoryConsumers::Park(Transaction& tx,
                                     const std::string& consumer,
                                     const ParkedKey& parked) {
  return ChangeIn(tx, consumer, [&](ConsumerState& state) {
    ParkedKey& stored = state.parked[parked.key].parked;
    const ParkedKey before = std::exchange(stored, parked);
    stored.discard_position = 0;
    if (parked.state == ParkedState::kWaiting &&
        Outlasts(before, parked.first_position)) {
      stored.state = before.state;
      stored.discard_position = before.discard_position;
    }
    return absl::OkStatus();
  });
}

absl::Status InMemoryConsumers::Hold(Transaction& tx,
                                     const std::string& consumer,
                                     const std::string& key,
                                     std::int64_t position) {
  return ChangeIn(tx, consumer, [&](ConsumerState& state) {
    const auto parked = state.parked.find(key);
    if (parked == state.parked.end()) return NotParked(consumer, key);
    parked->second.held.insert(position);
    return absl::OkStatus();
  });
}

absl::Status InMemoryConsumers::Unhold(Transaction& tx,
                                       const std::string& consumer,
                                       const std::string& key,
                                       std::int64_t position) {
  return ChangeIn(tx, consumer, [&](ConsumerState& state) {
    const auto parked = state.parked.find(key);
    if (parked == state.parked.end()) return NotParked(consumer, key);
    if (parked->second.held.erase(position) == 0) {
      return NotHeld(consumer, key, position);
    }
    if (parked->second.held.empty()) state.parked.erase(parked);
    return absl::OkStatus();
  });
}

absl::Status InMemoryConsumers::RequestParked(const std::string& consumer,
                                              const std::string& key,
                                              ParkedState request) {
  STELE_RETURN_IF_ERROR(ValidateRequestParked(request));
  return Change(consumer, [&](ConsumerState& state) {
    const auto parked = state.parked.find(key);
    if (parked == state.parked.end()) return NotParked(consumer, key);
    parked->second.parked.state = request;
    parked->second.parked.discard_position = 0;
    return absl::OkStatus();
  });
}

absl::Status InMemoryConsumers::RequestDiscard(const std::string& consumer,
                                               const std::string& key,
                                               std::int64_t position) {
  return Change(consumer, [&](ConsumerState& state) -> absl::Status {
    const auto parked = state.parked.find(key);
    if (parked == state.parked.end()) return NotParked(consumer, key);
    const std::set<std::int64_t>& held = parked->second.held;
    STELE_RETURN_IF_ERROR(
        CheckDiscard(key, position, held.empty() ? 0 : *held.begin()));
    parked->second.parked.state = ParkedState::kDiscardOne;
    parked->second.parked.discard_position = position;
    return absl::OkStatus();
  });
}

}  // namespace stele::in_memory
