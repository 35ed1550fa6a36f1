#include <stdexcept>
#include <utility>

#include "stele/base/clock.h"
#include "stele/eventstore/in_memory.h"
#include "stele/outbox/inbox_storage.h"
#include "stele/testing/fake_clock.h"
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

// Delivers the same message to every consumer, which then breaks for good.
class RepeatingBroker : public Broker {
 public:
  std::string Describe() const override { return "a broker that repeats"; }
  absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() override {
    return absl::UnimplementedError("nothing is published");
  }
  absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>&, const std::string&) override {
    return std::make_unique<Consumer>(*this);
  }

  std::atomic<int> settled = 0;

 private:
  class Consumer : public BrokerConsumer {
   public:
    explicit Consumer(RepeatingBroker& owner) : owner_(owner) {}
    absl::StatusOr<std::vector<BrokerMessage>> Fetch(std::size_t,
                                                     absl::Duration) override {
      if (std::exchange(is_used_, true)) {
        return absl::FailedPreconditionError("broken");
      }
      BrokerMessage message;
      message.id = "m1";
      message.topic = "things";
      message.headers = {{"ce-specversion", "1.0"},
                         {"ce-id", "m1"},
                         {"ce-source", "/elsewhere"},
                         {"ce-type", "thing"}};
      return std::vector<BrokerMessage>{message};
    }
    absl::Status Settle(std::size_t, Disposition, absl::Duration) override {
      ++owner_.settled;
      return absl::OkStatus();
    }

   private:
    RepeatingBroker& owner_;
    bool is_used_ = false;
  };
};

TEST(MemoryRuntimeTest, AnInboxRemembersAcrossItsRestarts) {
  const auto broker = std::make_shared<RepeatingBroker>();
  std::atomic<int> handled = 0;
  Runtime runtime(FreshStore());
  runtime.Consume(
      broker, {.name = "things", .topics = {"things"}}, [&](Inbox& inbox) {
        inbox.OnType("thing", [&](Transaction& tx, const InboundMessage&) {
          tx.OnCommit([&] { ++handled; });
          return absl::OkStatus();
        });
      });
  ASSERT_THAT(runtime.Start(), IsOk());
  Await("the message once more", [&] { return broker->settled >= 2; });
  ASSERT_THAT(runtime.Stop(), IsOk());
  EXPECT_EQ(handled, 1);
}

TEST(MemoryRuntimeTest, HandlersThatCannotBeAddedAreAnErrorOfTheStart) {
  Runtime runtime(FreshStore());
  runtime.Consume(std::make_shared<RepeatingBroker>(),
                  {.name = "things", .topics = {"things"}},
                  [](Inbox&) { throw std::runtime_error("out of luck"); });
  EXPECT_THAT(runtime.Start(),
              StatusIs(absl::StatusCode::kInternal,
                       ::testing::AllOf(::testing::HasSubstr("inbox things"),
                                        ::testing::HasSubstr("out of luck"))));
}

TEST(MemoryRuntimeTest, AnInboxTellsTimeByTheClockOfTheRuntime) {
  const auto store = FreshStore();
  const std::shared_ptr<InboxStorage> storage = *OpenInboxStorage(*store);
  FakeClock another(absl::UnixEpoch());
  InboxOptions options = {.name = "things", .topics = {"things"}};
  options.storage = storage;
  options.clock = &another;
  Runtime runtime(store);
  runtime.Consume(
      std::make_shared<RepeatingBroker>(), options, [](Inbox& inbox) {
        inbox.OnType("thing", [](Transaction&, const InboundMessage&) {
          return absl::DataLossError("unreadable");
        });
      });
  const absl::Time before = SystemClock().Now();
  ASSERT_THAT(runtime.Start(), IsOk());
  Await("the parked message",
        [&] { return !storage->List("things")->empty(); });
  ASSERT_THAT(runtime.Stop(), IsOk());
  EXPECT_GE(storage->List("things")->front().parked_at,
            absl::FromUnixMicros(absl::ToUnixMicros(before)));
}

}  // namespace
}  // namespace stele::testing
