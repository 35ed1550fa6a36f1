#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string_view>
#include <utility>

#include "consumer_fixture.h"
#include "stele/eventstore/postgres_event_store.h"
#include "stele/sandbox/private_postgres.h"

namespace stele::testing {
namespace {

using ::testing::IsEmpty;

// Counts the failed tries of consumers. Thread-safe.
class ErrorCount final : public Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view help,
                      const MetricLabels& labels) override {
    if (name == "stele_consumer_errors_total") return errors_;
    return NoMetrics().GetCounter(name, help, labels);
  }
  Gauge& GetGauge(std::string_view name, std::string_view help,
                  const MetricLabels& labels) override {
    return NoMetrics().GetGauge(name, help, labels);
  }
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          const MetricLabels& labels) override {
    return NoMetrics().GetHistogram(name, help, labels);
  }

  int errors() const { return errors_.count; }

 private:
  struct Errors final : Counter {
    void Add(double) override { ++count; }
    std::atomic<int> count{0};
  };
  Errors errors_;
};

class ConsumerOutageTest : public ConsumerTest {
 public:
  static std::unique_ptr<EventStore> MakeStore(Clock&) {
    const std::string dsn = server_->dsn();
    EXPECT_THAT(MigrateEventStore(dsn, "stele"), IsOk());
    auto store = OpenPostgresEventStore({.dsn = dsn, .schema = "stele"});
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }

 protected:
  void SetUp() override {
    auto server = sandbox::PrivatePostgres::Start();
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    ConsumerTest::SetUp();
  }
  // Outlives the store.
  static void TearDownTestSuite() { server_.reset(); }

  static inline std::unique_ptr<sandbox::PrivatePostgres> server_;
};

INSTANTIATE_TEST_SUITE_P(Postgres, ConsumerOutageTest,
                         ::testing::Values(EventStoreKind{
                             .name = "Postgres",
                             .make = ConsumerOutageTest::MakeStore,
                             .has_sql = true}),
                         NameOfKind);

// More often than an error that should pass may come before it is parked.
TEST_P(ConsumerOutageTest, ADatabaseThatIsAwayParksNothing) {
  constexpr int kOutages = 15;
  Input("key0");
  EffectHandler handler;
  std::atomic<int> outages{0};
  handler.SetFault([&](const KeyedEvent&) -> absl::Status {
    if (outages >= kOutages) return absl::OkStatus();
    const absl::Status stopped = server_->Stop();
    ++outages;
    return stopped.ok() ? absl::UnavailableError("no database") : stopped;
  });
  ErrorCount count;
  ConsumerOptions options = Options();
  options.metrics = &count;
  auto running = Start(handler, "a", options);
  for (int outage = 1; outage <= kOutages; ++outage) {
    Eventually([&] { return outages == outage; });
    const int errors = count.errors();
    Eventually([&] { return count.errors() > errors; });
    ASSERT_THAT(server_->Restart(), IsOk());
  }
  Eventually([&] { return HasAllEffects(); });
  ASSERT_THAT(running->Stop(), IsOk());
  EXPECT_THAT(Parked(), IsEmpty());
}

}  // namespace
}  // namespace stele::testing
