#include "gmock/gmock.h"
#include "stele/eventstore/in_memory.h"
#include "stele/testing/status_matchers.h"
#include "tests/sagas/stores.h"

namespace stele::testing {

SagaStore MakeMemorySagaStore() {
  SagaStore made;
  made.clock = std::make_shared<FakeClock>();
  made.store = MakeInMemoryEventStore(*made.clock);
  absl::StatusOr<std::shared_ptr<SagaStorage>> storage =
      OpenSagaStorage(*made.store, *made.clock);
  EXPECT_THAT(storage, IsOk());
  made.storage = *std::move(storage);
  made.let_pass = [clock = made.clock](absl::Duration time) {
    clock->Advance(time);
  };
  return made;
}

}  // namespace stele::testing
