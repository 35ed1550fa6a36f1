#include "stele/eventstore/in_memory.h"
#include "tests/outbox/inbox_suite.h"

namespace stele::testing {
namespace {

std::unique_ptr<EventStore> MakeMemory() { return MakeInMemoryEventStore(); }

INSTANTIATE_TEST_SUITE_P(InMemory, InboxTest, ::testing::Values(&MakeMemory));

}  // namespace
}  // namespace stele::testing
