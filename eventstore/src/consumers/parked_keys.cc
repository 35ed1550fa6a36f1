#include "consumers/parked_keys.h"

namespace stele {

void ParkedKeys::Load(const std::vector<ParkedKey>& stored,
                      const ConsumerSlots& slots) {
  keys_.clear();
  for (const ParkedKey& parked : stored) {
    if (slots.Holds(parked.slot)) keys_[parked.key] = parked;
  }
}

std::vector<ParkedKey> ParkedKeys::Due(absl::Time now) const {
  std::vector<ParkedKey> due;
  for (const auto& [key, parked] : keys_) {
    if (parked.state != ParkedState::kWaiting || parked.next_try <= now) {
      due.push_back(parked);
    }
  }
  return due;
}

}  // namespace stele
