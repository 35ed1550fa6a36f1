#include "consumer_suite.h"
#include "stele/eventstore/in_memory.h"
#include "subscription_suite.h"

namespace stele::testing {
namespace {

const EventStoreKind kInMemory{.name = "InMemory", .make = [](Clock& clock) {
                                 return MakeInMemoryEventStore(clock);
                               }};

INSTANTIATE_TEST_SUITE_P(Memory, ConsumerTest, ::testing::Values(kInMemory),
                         NameOfKind);
INSTANTIATE_TEST_SUITE_P(Memory, SubscriptionTest, ::testing::Values(kInMemory),
                         NameOfKind);

TEST(SlotOfTest, IsTheSameForEver) {
  std::vector<int> slots;
  for (const char* key : {"", "ada", "bob", "order-1", "order-2"}) {
    slots.push_back(SlotOf(key, 1024));
  }
  EXPECT_THAT(slots, ElementsAre(639, 293, 382, 875, 908));
}

TEST(SlotOfTest, SpreadsKeysEvenly) {
  std::vector<int> keys(16);
  for (int i = 0; i < 16'000; ++i) {
    ++keys[static_cast<std::size_t>(SlotOf("order-" + std::to_string(i), 16))];
  }
  EXPECT_THAT(keys, Each(AllOf(Ge(850), Le(1150))));
}

}  // namespace
}  // namespace stele::testing
