#include "consumers/slots.h"

#include <algorithm>
#include <utility>

#include "stele/base/check.h"

namespace stele {

bool ConsumerSlots::Update(const std::vector<SlotLease>& leases) {
  std::map<int, SlotLease> next;
  bool is_changed = leases.size() != leases_.size();
  for (const SlotLease& lease : leases) {
    const auto known = leases_.find(lease.slot);
    is_changed = is_changed || known == leases_.end() ||
                 known->second.epoch != lease.epoch ||
                 known->second.position != lease.position;
    next[lease.slot] = lease;
  }
  leases_ = std::move(next);
  return is_changed;
}

std::vector<int> ConsumerSlots::Numbers() const {
  std::vector<int> numbers;
  for (const auto& [slot, lease] : leases_) numbers.push_back(slot);
  return numbers;
}

bool ConsumerSlots::Wants(int slot, std::int64_t position) const {
  const auto it = leases_.find(slot);
  return it != leases_.end() && it->second.position < position;
}

std::int64_t ConsumerSlots::least_position() const {
  if (leases_.empty()) return 0;
  return std::min_element(leases_.begin(), leases_.end(),
                          [](const auto& a, const auto& b) {
                            return a.second.position < b.second.position;
                          })
      ->second.position;
}

std::vector<SlotAdvance> ConsumerSlots::AdvancesTo(
    std::int64_t position) const {
  std::vector<SlotAdvance> advances;
  for (const auto& [slot, lease] : leases_) {
    if (lease.position < position) advances.push_back({lease, position});
  }
  return advances;
}

SlotAdvance ConsumerSlots::ProofFor(int slot) const {
  const auto it = leases_.find(slot);
  STELE_CHECK(it != leases_.end());
  return {it->second, it->second.position};
}

std::vector<SlotAdvance> ConsumerSlots::Proofs() const {
  std::vector<SlotAdvance> proofs;
  for (const auto& [slot, lease] : leases_) {
    proofs.push_back({lease, lease.position});
  }
  return proofs;
}

void ConsumerSlots::MovedTo(std::int64_t position) {
  for (auto& [slot, lease] : leases_) {
    lease.position = std::max(lease.position, position);
  }
}

}  // namespace stele
