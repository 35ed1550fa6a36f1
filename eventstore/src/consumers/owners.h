#ifndef STELE_EVENTSTORE_SRC_CONSUMERS_OWNERS_H_
#define STELE_EVENTSTORE_SRC_CONSUMERS_OWNERS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele {

// What every store says about the owners of a consumer, in the same words.

// The event types of `owner` in order, each once.
std::vector<std::string> SortedTypes(const ConsumerOwner& owner);

// An owner as a store knows it.
struct OwnerStanding {
  ConsumerOwner owner;  // Its types in order.
  absl::Time live_until;
  bool yields = false;
};

// Of the owners of one consumer.
std::vector<OwnerStatus> OwnerStatuses(
    const std::vector<OwnerStanding>& standings);

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_CONSUMERS_OWNERS_H_
