#include "dispatcher_fixture.h"
#include "stele/eventstore/in_memory.h"

namespace stele {

std::vector<StoreKind> StoreKinds() {
  return {{"InMemory", [] { return MakeInMemoryEventStore(); }}};
}

}  // namespace stele
