#include "stele/eventstore/in_memory.h"
#include "tests/model/bank_sql_rules.h"
#include "tests/runtime/runtime_suite.h"

namespace stele::testing {
namespace {

std::shared_ptr<EventStore> FreshStore() { return MakeInMemoryEventStore(); }

INSTANTIATE_TEST_SUITE_P(InMemory, RuntimeSuite,
                         ::testing::Values(&FreshStore));

TEST(MemoryRuntimeTest, RefusesSqlWhereThereIsNone) {
  Runtime runtime(FreshStore());
  runtime.Add<bank::AccountDecider>().Add<bank::AccountDecider>();
  runtime.Add<bank::Turnover>();
  EXPECT_THAT(runtime.Start(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::AllOf(
                           ::testing::HasSubstr("DailyTurnover"),
                           ::testing::HasSubstr("aggregate bank.Account"))));
}

}  // namespace
}  // namespace stele::testing
