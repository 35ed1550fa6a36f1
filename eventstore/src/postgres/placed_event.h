#ifndef STELE_EVENTSTORE_SRC_POSTGRES_PLACED_EVENT_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_PLACED_EVENT_H_

#include <cstdint>

#include "stele/base/uuid.h"

namespace stele::postgres_store {

// A committed event and its place in the log. What is found there later tells
// whether the log is still the same.
struct PlacedEvent {
  std::int64_t position = 0;
  Uuid id;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_PLACED_EVENT_H_
