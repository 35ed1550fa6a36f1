#include "place.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer.h"

namespace stele::sagas_internal {

absl::StatusOr<Place> FindPlace(ConsumerStorage& consumers,
                                const std::string& consumer,
                                const std::string& id) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> all,
                         consumers.List());
  const auto found = std::find_if(
      all.begin(), all.end(),
      [&](const ConsumerStatus& status) { return status.name == consumer; });
  if (found == all.end()) {
    return absl::NotFoundError(
        absl::StrCat("there is no consumer ", Quoted(consumer)));
  }
  Place place;
  const int number = SlotOf(id, static_cast<int>(found->slots.size()));
  for (const SlotStatus& slot : found->slots) {
    if (slot.slot == number) place.position = slot.position;
  }
  STELE_ASSIGN_OR_RETURN(std::vector<ParkedKey> keys,
                         consumers.ListParked(consumer));
  for (ParkedKey& key : keys) {
    if (key.key == id) place.parked = std::move(key);
  }
  return place;
}

}  // namespace stele::sagas_internal
