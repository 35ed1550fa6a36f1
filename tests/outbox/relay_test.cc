#include "stele/outbox/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/in_memory.h"
#include "stele/outbox/in_memory_broker.h"
#include "stele/testing/status_matchers.h"
#include "tests/outbox/support.h"

namespace stele {

// An aggregate with one public event and one private.
struct TestAggregate {};
template <>
struct AggregateTraits<TestAggregate> {
  template <typename Visitor>
  static void ForEachEvent(Visitor visit) {
    visit(std::type_identity<google::protobuf::StringValue>());
    visit(std::type_identity<google::protobuf::BytesValue>());
  }
};

namespace testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Fails as it is told to, between the relay and a broker in memory.
class FaultyBroker : public Broker {
 public:
  explicit FaultyBroker(Broker& broker) : broker_(broker) {}

  std::string Describe() const override { return broker_.Describe(); }
  absl::StatusOr<std::unique_ptr<BrokerPublisher>> OpenPublisher() override {
    return std::make_unique<Publisher>(*this, broker_.OpenPublisher().value());
  }
  absl::StatusOr<std::unique_ptr<BrokerConsumer>> OpenConsumer(
      const std::vector<std::string>& topics,
      const std::string& group) override {
    return broker_.OpenConsumer(topics, group);
  }

  // The next publishes take this many messages each and then fail.
  std::vector<std::size_t> partial;
  absl::Status partial_error = absl::UnavailableError("cut");
  // Message bodies that are refused for good.
  std::set<std::string> refused;
  int publishes = 0;
  std::vector<std::string> sent_bodies;

 private:
  class Publisher : public BrokerPublisher {
   public:
    Publisher(FaultyBroker& owner, std::unique_ptr<BrokerPublisher> inner)
        : owner_(owner), inner_(std::move(inner)) {}

    PublishResult Publish(std::span<const BrokerMessage> batch) override {
      ++owner_.publishes;
      absl::Status error;
      if (!owner_.partial.empty() && owner_.partial.front() < batch.size()) {
        batch = batch.first(owner_.partial.front());
        error = owner_.partial_error;
      }
      if (!owner_.partial.empty()) owner_.partial.erase(owner_.partial.begin());
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (!owner_.refused.contains(batch[i].body)) continue;
        batch = batch.first(i);
        error = absl::InvalidArgumentError("refused for good");
        break;
      }
      for (const BrokerMessage& message : batch)
        owner_.sent_bodies.push_back(message.body);
      PublishResult result = inner_->Publish(batch);
      if (result.status.ok()) result.status = error;
      return result;
    }

   private:
    FaultyBroker& owner_;
    const std::unique_ptr<BrokerPublisher> inner_;
  };

  Broker& broker_;
};

// Remembers the one gauge that a relay has. Thread-safe.
class LastPending : public Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view help,
                      const MetricLabels& labels) override {
    return NoMetrics().GetCounter(name, help, labels);
  }
  Gauge& GetGauge(std::string_view name, std::string_view help,
                  const MetricLabels& labels) override {
    if (name == "stele_relay_pending") return gauge_;
    return NoMetrics().GetGauge(name, help, labels);
  }
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          const MetricLabels& labels) override {
    return NoMetrics().GetHistogram(name, help, labels);
  }
  double value() const { return gauge_.value; }

 private:
  struct Last : Gauge {
    void Set(double now) override { value = now; }
    std::atomic<double> value = 0;
  };
  Last gauge_;
};

class RelayTest : public ::testing::Test {
 protected:
  std::int64_t Append(const std::string& stream, std::string_view what,
                      std::string type = "test.Happened") {
    AppendRequest request;
    request.stream_id = stream;
    request.events = {HappenedEvent(what)};
    request.events[0].type = std::move(type);
    return store_->Append(request).value().position;
  }

  static RelayRoutes Routes() {
    return RelayRoutes("tests").AddPublicEvents<TestAggregate>();
  }

  static RelayOptions Options() {
    RelayOptions options;
    options.source = "/tests";
    options.slots = 4;
    options.retry = {absl::Milliseconds(1), absl::Milliseconds(5)};
    return options;
  }

  std::unique_ptr<Relay> MakeRelay(RelayOptions options = Options(),
                                   const std::string& owner = "one") {
    return Relay::Create(*store_, broker_, Routes(), std::move(options), owner)
        .value();
  }

  std::vector<std::string> Relayed() {
    std::vector<std::string> values;
    for (const BrokerMessage& message : memory_->MessagesOf("tests.test")) {
      Happened happened;
      EXPECT_TRUE(happened.ParseFromString(message.body));
      values.push_back(happened.value());
    }
    return values;
  }

  std::int64_t Head() { return store_->Head().value(); }

  const std::unique_ptr<EventStore> store_ = MakeInMemoryEventStore();
  const std::unique_ptr<InMemoryBroker> memory_ = MakeInMemoryBroker();
  FaultyBroker broker_{*memory_};
};

TEST_F(RelayTest, SendsPublicEventsOnly) {
  Append("a-1", "1");
  Append("a-1", "secret", "test.Secret");
  Append("a-2", "other", "test.Unknown");
  Append("a-1", "2");
  EXPECT_THAT(MakeRelay()->RunUntil(Head()), IsOk());
  EXPECT_THAT(Relayed(), ElementsAre("1", "2"));
  const BrokerMessage first = memory_->MessagesOf("tests.test")[0];
  EXPECT_EQ(first.headers.at("ce-source"), "/tests");
  EXPECT_EQ(first.key, "a-1");
}

TEST_F(RelayTest, GoesOnBehindItsCheckpoint) {
  Append("a-1", "1");
  EXPECT_THAT(MakeRelay()->RunUntil(Head()), IsOk());
  Append("a-1", "2");
  EXPECT_THAT(MakeRelay(Options(), "two")->RunUntil(Head()), IsOk());
  EXPECT_THAT(broker_.sent_bodies, ElementsAre(PayloadOf("1"), PayloadOf("2")));
}

TEST_F(RelayTest, AfterPartOfABatchGoesOnWithTheFirstUnacknowledged) {
  for (int i = 0; i < 5; ++i) Append("a-1", absl::StrCat(i));
  broker_.partial = {2, 1};
  EXPECT_THAT(MakeRelay()->RunUntil(Head()), IsOk());
  EXPECT_THAT(broker_.sent_bodies,
              ElementsAre(PayloadOf("0"), PayloadOf("1"), PayloadOf("2"),
                          PayloadOf("3"), PayloadOf("4")));
}

TEST_F(RelayTest, WithoutProgressTheBatchIsSentAgainWithTheSameIds) {
  for (int i = 0; i < 3; ++i) Append("a-1", absl::StrCat(i));
  broker_.partial = {2, 0, 0};
  EXPECT_THAT(MakeRelay()->RunUntil(Head()), IsOk());
  EXPECT_THAT(broker_.sent_bodies, SizeIs(5));
  EXPECT_THAT(Relayed(), ElementsAre("0", "1", "2"));
}

TEST_F(RelayTest, ParksTheStreamOfARefusedMessageAndNoOther) {
  Append("a-1", "a1");
  Append("b-1", "b1");
  Append("a-1", "a2");
  Append("b-1", "b2");
  broker_.refused = {PayloadOf("a1")};
  EXPECT_THAT(MakeRelay()->RunUntil(Head()), IsOk());

  EXPECT_THAT(Relayed(), ElementsAre("b1", "b2"));
  const auto parked = store_->consumers().ListParked("relay/broker").value();
  ASSERT_THAT(parked, SizeIs(1));
  EXPECT_EQ(parked[0].key, "a-1");
  EXPECT_EQ(parked[0].held, 2);
  EXPECT_THAT(parked[0].cause, HasSubstr("refused for good"));
}

TEST_F(RelayTest, TroubleOfTheBrokerParksNothing) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kFailedPrecondition, absl::StatusCode::kNotFound,
        absl::StatusCode::kInternal, absl::StatusCode::kDeadlineExceeded}) {
    Append("a-1", "x");
    broker_.partial = {0, 0, 0, 0, 0, 0};
    broker_.partial_error = absl::Status(code, "trouble");
    EXPECT_THAT(MakeRelay()->RunUntil(Head()), IsOk());
  }
  EXPECT_THAT(store_->consumers().ListParked("relay/broker").value(),
              SizeIs(0));
  EXPECT_THAT(Relayed(), SizeIs(4));
}

TEST_F(RelayTest, WaitsForABrokerThatIsAwayWithoutSpinning) {
  RelayOptions options = Options();
  options.retry = {absl::Milliseconds(50), absl::Milliseconds(50)};
  Append("a-1", "1");
  const auto relay = MakeRelay(options);
  // More often than an error that should pass may come before it is parked.
  broker_.partial.assign(20, 0);
  const absl::Time begin = absl::Now();
  EXPECT_THAT(relay->RunUntil(Head()), IsOk());
  // Twenty waits drawn from (0, 50 ms]: a spinning relay takes no time at all.
  EXPECT_GT(absl::Now() - begin, absl::Milliseconds(100));
  EXPECT_EQ(broker_.publishes, 21);
  EXPECT_THAT(Relayed(), ElementsAre("1"));
}

TEST_F(RelayTest, RunsUntilItIsStopped) {
  const auto relay = MakeRelay();
  Running running(*relay);
  Append("a-1", "1");
  ASSERT_TRUE(Eventually([&] { return Relayed().size() == 1; }));
  Append("a-1", "2");
  ASSERT_TRUE(Eventually([&] { return Relayed().size() == 2; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_FALSE(relay->Activity().is_running);
}

TEST_F(RelayTest, CountsNothingAsPendingOnceItHoldsNoSlots) {
  LastPending metrics;
  RelayOptions options = Options();
  options.slots = 1;
  options.lease = absl::Milliseconds(300);
  options.metrics = &metrics;
  // The broker is away, and the log goes on.
  broker_.partial.assign(100'000, 0);
  for (int i = 0; i < 3; ++i) Append("a-1", absl::StrCat(i));
  const auto relay = MakeRelay(options);
  Running running(*relay);
  ASSERT_TRUE(Eventually([&] { return metrics.value() == 3; }));

  // Another one takes the only slot over, and its work with it.
  ASSERT_TRUE(Eventually([&] {
    ConsumerStorage& consumers = store_->consumers();
    EXPECT_THAT(consumers.Release("relay/broker", "one"), IsOk());
    return consumers
               .Acquire("relay/broker", {"two", Routes().types()},
                        absl::Hours(1))
               .value()
               .size() == 1;
  }));
  EXPECT_TRUE(Eventually([&] { return metrics.value() == 0; }));

  EXPECT_THAT(store_->consumers().Release("relay/broker", "two"), IsOk());
  ASSERT_TRUE(Eventually([&] { return metrics.value() == 3; }));
  EXPECT_THAT(running.Stop(), IsOk());
  EXPECT_EQ(metrics.value(), 0);
}

TEST_F(RelayTest, RefusesOptionsAndRoutesThatCannotBe) {
  const auto refuses = [&](RelayRoutes routes, RelayOptions options) {
    return Relay::Create(*store_, broker_, std::move(routes),
                         std::move(options), "one")
        .status();
  };
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  RelayOptions no_source = Options();
  no_source.source = "";
  EXPECT_THAT(refuses(Routes(), no_source), invalid);
  RelayOptions bad_name = Options();
  bad_name.name = "a b";
  EXPECT_THAT(refuses(Routes(), bad_name), invalid);
  EXPECT_THAT(refuses(RelayRoutes(), Options()), invalid);
  EXPECT_THAT(refuses(RelayRoutes().AddTo("test.Happened", "a..b"), Options()),
              invalid);
}

TEST(RelayRoutesTest, TakesTopicsFromTheModelUnlessToldOtherwise) {
  RelayRoutes routes("orders");
  routes.AddPublicEvents<TestAggregate>();
  ASSERT_NE(routes.TopicOf("test.Happened"), nullptr);
  EXPECT_EQ(*routes.TopicOf("test.Happened"), "orders.test");
  EXPECT_EQ(routes.TopicOf("test.Secret"), nullptr);
  routes.AddTo<google::protobuf::BytesValue>("audit").AddTo<Happened>(
      "elsewhere");
  EXPECT_EQ(*routes.TopicOf("test.Secret"), "audit");
  EXPECT_EQ(*routes.TopicOf("test.Happened"), "elsewhere");
  EXPECT_THAT(routes.types(), ElementsAre("test.Happened", "test.Secret"));
}

class RelayRangeTest : public RelayTest {
 protected:
  RelayRangeOptions Range(std::int64_t from, std::int64_t to) {
    RelayRangeOptions options;
    options.source = "/tests";
    options.from_position = from;
    options.to_position = to;
    options.batch_events_max = 2;
    return options;
  }
};

TEST_F(RelayRangeTest, SendsExactlyTheRangeWithTheSameIds) {
  std::vector<std::int64_t> positions;
  for (int i = 0; i < 7; ++i)
    positions.push_back(Append("a-1", absl::StrCat(i)));
  const auto report =
      RelayRange(*store_, broker_, Routes(), Range(positions[1], positions[5]));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->messages, 5);
  EXPECT_EQ(report->position, positions[5]);
  EXPECT_THAT(Relayed(), ElementsAre("1", "2", "3", "4", "5"));
  // The whole log: ids that the broker has are not stored again.
  EXPECT_THAT(RelayRange(*store_, broker_, Routes(), Range(1, 0)), IsOk());
  EXPECT_THAT(Relayed(), ElementsAre("1", "2", "3", "4", "5", "0", "6"));
}

TEST_F(RelayRangeTest, SaysHowFarItCame) {
  for (int i = 0; i < 5; ++i) Append("a-1", absl::StrCat(i));
  broker_.partial = {2, 1};
  EXPECT_THAT(
      RelayRange(*store_, broker_, Routes(), Range(1, 0)).status(),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("up to position 3")));
}

TEST_F(RelayRangeTest, EndsWhereProgressSaysSo) {
  for (int i = 0; i < 5; ++i) Append("a-1", absl::StrCat(i));
  RelayRangeOptions options = Range(1, 0);
  options.progress = [](std::int64_t, std::int64_t messages) {
    return messages >= 2 ? absl::CancelledError("enough") : absl::OkStatus();
  };
  EXPECT_THAT(RelayRange(*store_, broker_, Routes(), options).status(),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Relayed(), ElementsAre("0", "1"));
}

TEST_F(RelayRangeTest, RefusesWhatIsNoRange) {
  const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(RelayRange(*store_, broker_, Routes(), Range(0, 0)).status(),
              invalid);
  EXPECT_THAT(RelayRange(*store_, broker_, Routes(), Range(1, -1)).status(),
              invalid);
}

}  // namespace
}  // namespace testing
}  // namespace stele
