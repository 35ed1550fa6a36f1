#ifndef STELE_EVENTSTORE_SRC_IN_MEMORY_OWNERS_H_
#define STELE_EVENTSTORE_SRC_IN_MEMORY_OWNERS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "in_memory/state.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele::in_memory {

// Has `owner` live from `now` on for `lease`, and those yield that must, as
// enter_consumer() of 0007_consumers.sql does. Their slots are free then.
void Enter(ConsumerState& state, const ConsumerOwner& owner, absl::Time now,
           absl::Duration lease);

// The slots that `owner`, who has entered, may hold.
std::size_t ShareOf(const ConsumerState& state, const std::string& owner,
                    absl::Time now);

bool IsLive(const ConsumerState& state, const std::string& owner,
            absl::Time now);
bool Yields(const ConsumerState& state, const std::string& owner);

std::vector<OwnerStatus> OwnersOf(const ConsumerState& state, absl::Time now);

void GiveUp(SlotStatus& slot);

}  // namespace stele::in_memory

#endif  // STELE_EVENTSTORE_SRC_IN_MEMORY_OWNERS_H_
