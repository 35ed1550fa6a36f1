#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/in_memory.h"
#include "stele/testing/fake_clock.h"
#include "stele/testing/sequential_ids.h"
#include "stele/testing/status_matchers.h"

namespace stele {
namespace {

using ::stele::testing::IsOk;

// Keeps the last value of each series, by "name{consumer}".
class KeptMetrics final : public Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view,
                      const MetricLabels& labels) override {
    return Series(name, labels);
  }
  Gauge& GetGauge(std::string_view name, std::string_view,
                  const MetricLabels& labels) override {
    return Series(name, labels);
  }
  Histogram& GetHistogram(std::string_view, std::string_view,
                          const MetricLabels&) override {
    return NoMetrics().GetHistogram("", "");
  }

  double operator[](const std::string& name) {
    return series_.at(name + "{test/Metrics}").value;
  }

 private:
  struct OneSeries : Counter, Gauge {
    void Add(double amount) override { value += amount; }
    void Set(double now) override { value = now; }
    double value = 0;
  };

  OneSeries& Series(std::string_view name, const MetricLabels& labels) {
    return series_[std::string(name) + "{" + labels.at(0).second + "}"];
  }

  std::map<std::string, OneSeries> series_;
};

// Refuses what carries the payload "bad".
class Picky final : public BatchHandler {
 public:
  absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) override {
    return event.stream_id;
  }
  absl::Status Handle(std::span<const KeyedEvent> batch,
                      CommitBatch commit) override {
    for (const KeyedEvent& event : batch) {
      if (event.event.payload == "bad") return absl::InternalError("bad");
    }
    return commit([](Transaction&) { return absl::OkStatus(); });
  }
};

TEST(ConsumerMetricsTest, SayHowTheConsumerStands) {
  testing::FakeClock clock;
  KeptMetrics metrics;
  const std::unique_ptr<EventStore> store = MakeInMemoryEventStore(clock);
  testing::SequentialIds ids;
  const auto append = [&](const std::string& stream_id,
                          const std::string& payload) {
    ASSERT_THAT(
        store->Append(
            {.stream_id = stream_id,
             .events = {{.id = ids.Next(), .type = "t", .payload = payload}}}),
        IsOk());
  };
  append("a-1", "good");
  append("b-1", "bad");
  append("a-1", "good");

  Picky handler;
  ConsumerOptions options;
  options.name = "test/Metrics";
  options.metrics = &metrics;
  options.clock = &clock;
  options.retry = {absl::Microseconds(1), absl::Microseconds(1)};
  options.park_backoff = {absl::Hours(1), absl::Hours(1)};
  auto consumer = Consumer::Create(*store, handler, options, "me");
  ASSERT_THAT(consumer, IsOk());
  ASSERT_THAT((*consumer)->RunUntil(3), IsOk());

  EXPECT_EQ(metrics["stele_consumer_position"], 3);
  EXPECT_EQ(metrics["stele_consumer_lag_events"], 0);
  EXPECT_EQ(metrics["stele_consumer_lag_seconds"], 0);
  EXPECT_EQ(metrics["stele_consumer_events_total"], 2);
  EXPECT_EQ(metrics["stele_consumer_batches_total"], 2);
  // Its slots are free again: nothing is parked here.
  EXPECT_EQ(metrics["stele_consumer_slots_held"], 0);
  EXPECT_EQ(metrics["stele_consumer_parked_keys"], 0);
  EXPECT_EQ(metrics["stele_consumer_errors_total"], 4);
  EXPECT_EQ(metrics["stele_consumer_stuck"], 0);
  const ConsumerActivity snapshot = (*consumer)->Activity();
  EXPECT_EQ(snapshot.position, 3);
  EXPECT_EQ(snapshot.head, 3);
  EXPECT_EQ(snapshot.events_handled, 2);
  EXPECT_EQ(snapshot.parked_keys, 1);
  EXPECT_EQ(snapshot.last_progress, clock.Now());
}

}  // namespace
}  // namespace stele
