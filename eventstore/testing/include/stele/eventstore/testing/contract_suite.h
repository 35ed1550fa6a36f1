#ifndef STELE_EVENTSTORE_TESTING_CONTRACT_SUITE_H_
#define STELE_EVENTSTORE_TESTING_CONTRACT_SUITE_H_

// The contract of EventStore, Transaction and ConsumerStorage as tests. To hold
// a store to it, include this in one source file of a test program:
//
//   #include "stele/eventstore/testing/contract_suite.h"
//
//   STELE_INSTANTIATE_EVENT_STORE_CONTRACT(
//       Memory, (stele::testing::EventStoreKind{
//                   .name = "InMemory",
//                   .make = [](stele::Clock& clock) {
//                     return stele::MakeInMemoryEventStore(clock);
//                   }}));
//
// The headers below define tests, so each may be part of a program only once.

#include "stele/eventstore/testing/append_contract.h"
#include "stele/eventstore/testing/bad_input_contract.h"
#include "stele/eventstore/testing/consumer_storage_contract.h"
#include "stele/eventstore/testing/contract_fixture.h"
#include "stele/eventstore/testing/idempotency_contract.h"
#include "stele/eventstore/testing/parked_keys_contract.h"
#include "stele/eventstore/testing/read_contract.h"
#include "stele/eventstore/testing/releases_contract.h"
#include "stele/eventstore/testing/transaction_contract.h"

// Holds `kind`, an EventStoreKind, to the whole contract. To be used in the
// global namespace.
#define STELE_INSTANTIATE_EVENT_STORE_CONTRACT(prefix, kind)                  \
  namespace stele::testing {                                                  \
  INSTANTIATE_TEST_SUITE_P(prefix, EventStoreContract,                        \
                           ::testing::Values(kind), NameOfKind);              \
  INSTANTIATE_TEST_SUITE_P(prefix, ConsumerStorageContract,                   \
                           ::testing::Values(kind), NameOfKind);              \
  INSTANTIATE_TEST_SUITE_P(prefix, ReleasesContract, ::testing::Values(kind), \
                           NameOfKind);                                       \
  }                                                                           \
  static_assert(true, "wants a semicolon")

#endif  // STELE_EVENTSTORE_TESTING_CONTRACT_SUITE_H_
