#ifndef STELE_EVENTSTORE_SRC_CONSUMERS_SLOTS_H_
#define STELE_EVENTSTORE_SRC_CONSUMERS_SLOTS_H_

#include <cstdint>
#include <map>
#include <vector>

#include "stele/eventstore/consumer_storage.h"

namespace stele {

// The slots a consumer holds, as it last knew.
//
// Not thread-safe: one thread at a time.
class ConsumerSlots {
 public:
  // Takes over what the storage says is held. True iff that is not what was
  // known: another slot, another epoch, another position.
  bool Update(const std::vector<SlotLease>& leases);
  void Clear() { leases_.clear(); }

  bool empty() const { return leases_.empty(); }
  int size() const { return static_cast<int>(leases_.size()); }
  bool Holds(int slot) const { return leases_.contains(slot); }
  std::vector<int> Numbers() const;

  // True iff `slot` is held and has not come to `position` yet.
  bool Wants(int slot, std::int64_t position) const;

  // The least checkpoint; 0 if nothing is held.
  std::int64_t least_position() const;

  // What takes every slot that is behind `position` there.
  std::vector<SlotAdvance> AdvancesTo(std::int64_t position) const;

  // An advance of `slot` that moves nothing and only proves the lease.
  SlotAdvance ProofFor(int slot) const;

  // The same for all slots held.
  std::vector<SlotAdvance> Proofs() const;

  // Notes that AdvancesTo(position) has been committed.
  void MovedTo(std::int64_t position);

 private:
  std::map<int, SlotLease> leases_;
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_CONSUMERS_SLOTS_H_
