#ifndef STELE_EVENTSTORE_IN_MEMORY_H_
#define STELE_EVENTSTORE_IN_MEMORY_H_

#include <memory>

#include "stele/base/clock.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// A store that keeps everything in memory, for tests and for trying things out.
// It keeps the same contract as the PostgreSQL one (the contract suite holds
// both to it) but for durability. `clock`, which must outlive it, stamps
// `recorded_at`.
std::unique_ptr<EventStore> MakeInMemoryEventStore(
    Clock& clock = SystemClock());

}  // namespace stele

#endif  // STELE_EVENTSTORE_IN_MEMORY_H_
