#ifndef STELE_TESTS_SAGAS_STORES_H_
#define STELE_TESTS_SAGAS_STORES_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_storage.h"
#include "stele/testing/fake_clock.h"

namespace stele::testing {

// A store with its saga storage, and a way to let time pass for both.
struct SagaStore {
  std::shared_ptr<FakeClock> clock;  // In memory only.
  std::shared_ptr<EventStore> store;
  std::shared_ptr<SagaStorage> storage;

  // Timers set before become due that much earlier.
  std::function<void(absl::Duration)> let_pass;
};

struct SagaStoreKind {
  std::string name;
  std::function<SagaStore()> make;
};

SagaStore MakeMemorySagaStore();
SagaStore MakePostgresSagaStore();

// For INSTANTIATE_TEST_SUITE_P: on every store.
inline const auto kSagaStores =
    ::testing::Values(SagaStoreKind{"Memory", MakeMemorySagaStore},
                      SagaStoreKind{"Postgres", MakePostgresSagaStore});
inline std::string NameOfStore(
    const ::testing::TestParamInfo<SagaStoreKind>& kind) {
  return kind.param.name;
}

}  // namespace stele::testing

#endif  // STELE_TESTS_SAGAS_STORES_H_
