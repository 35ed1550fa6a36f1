#ifndef STELE_SAGAS_SRC_PLACE_H_
#define STELE_SAGAS_SRC_PLACE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele::sagas_internal {

// How far the engine has come with one instance.
struct Place {
  std::int64_t position = 0;        // Of its slot.
  std::optional<ParkedKey> parked;  // If its key is.

  // True iff what stands at `position` is yet to be handled.
  bool IsAhead(std::int64_t of) const {
    return position < of ||
           (parked.has_value() && parked->first_position <= of);
  }
};

// Of instance `id` of the saga whose engine is the consumer `consumer`.
// kNotFound if that is not registered.
absl::StatusOr<Place> FindPlace(ConsumerStorage& consumers,
                                const std::string& consumer,
                                const std::string& id);

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_PLACE_H_
