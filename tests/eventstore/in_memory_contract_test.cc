#include "stele/eventstore/in_memory.h"
#include "stele/eventstore/testing/contract_suite.h"

STELE_INSTANTIATE_EVENT_STORE_CONTRACT(
    Memory, (stele::testing::EventStoreKind{
                .name = "InMemory", .make = [](stele::Clock& clock) {
                  return stele::MakeInMemoryEventStore(clock);
                }}));
