#ifndef STELE_TESTS_SAGAS_PROCESS_FIXTURE_H_
#define STELE_TESTS_SAGAS_PROCESS_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "stele/base/clock.h"
#include "stele/eventstore/consumer.h"
#include "stele/testing/status_matchers.h"
#include "tests/sagas/saga_world.h"
#include "tests/sagas/stores.h"
#include "tests/sagas/trip_rules.h"
#include "tests/support/forwarding_dispatcher.h"

namespace stele::testing {

// Passes commands on, but holds back the first of a type until it is told.
class HoldingDispatcher final : public ForwardingDispatcher {
 public:
  HoldingDispatcher(Dispatcher& inner, std::string hold)
      : ForwardingDispatcher(inner), hold_(std::move(hold)) {}

  absl::StatusOr<Receipt> DispatchBytes(
      std::string_view type, std::string_view payload,
      const DispatchOptions& options) override {
    if (type == hold_ && !reached.HasBeenNotified()) {
      reached.Notify();
      go_on.WaitForNotification();
    }
    return inner().DispatchBytes(type, payload, options);
  }

  absl::Notification reached;
  absl::Notification go_on;

 private:
  const std::string hold_;
};

// One process of a service: an engine and its consumer on a thread.
class Process {
 public:
  Process(const SagaStore& made, const SagaType& type, std::string owner,
          ConsumerOptions consumer, Dispatcher* dispatcher = nullptr)
      : world_(MakeWorldDispatcher(*made.store)) {
    engine_ = *MakeSagaEngine(type, *made.store, *made.storage,
                              dispatcher != nullptr ? *dispatcher : *world_);
    consumer_ = *Consumer::Create(*made.store, *engine_, std::move(consumer),
                                  std::move(owner));
    thread_ = std::thread([this] { ended_ = consumer_->Run(); });
  }
  ~Process() { Stop().IgnoreError(); }

  absl::Status Stop() {
    if (!thread_.joinable()) return ended_;
    consumer_->Stop();
    thread_.join();
    return ended_;
  }
  Consumer& consumer() { return *consumer_; }

 private:
  std::unique_ptr<AggregateDispatcher> world_;
  std::unique_ptr<BatchHandler> engine_;
  std::unique_ptr<Consumer> consumer_;
  absl::Status ended_;
  std::thread thread_;
};

// Trips that are seen through by processes.
class ProcessTest : public ::testing::TestWithParam<SagaStoreKind> {
 protected:
  void SetUp() override {
    made_ = GetParam().make();
    world_ = MakeWorldDispatcher(*made_.store);
  }

  ConsumerOptions Options() const {
    ConsumerOptions options =
        SagaConsumerOptions(MakeSagaType<trips::Trips>(), {});
    options.retry = {absl::Milliseconds(1), absl::Milliseconds(5)};
    options.tries_before_parking = 2;
    // Where the clock cannot be moved, a lease is to run out soon by itself.
    if (made_.clock == nullptr) options.lease = absl::Seconds(2);
    return options;
  }
  std::unique_ptr<Process> Start(const std::string& owner,
                                 Dispatcher* dispatcher = nullptr) {
    ConsumerOptions options = Options();
    // Whoever is held up is to lose its leases like one that is frozen.
    if (dispatcher != nullptr) options.handle_time_max = absl::Milliseconds(1);
    return std::make_unique<Process>(made_, MakeSagaType<trips::Trips>(), owner,
                                     std::move(options), dispatcher);
  }

  void Place(const std::string& trip, const std::vector<std::string>& legs,
             const std::string& note = "", std::int64_t patience = 60) {
    trips::PlaceTrip place;
    place.set_trip_id(trip);
    for (const std::string& leg : legs) place.add_leg_ids(leg);
    place.set_patience_seconds(patience);
    place.set_note(note);
    Send(*world_, place);
  }
  void OpenLeg(const std::string& leg, std::int64_t seats) {
    Send(*world_, trips::MakeOpenLeg({.leg_id = leg, .seats = seats}));
  }

  // Waits, by the log's own news, until `is_true`; fails the test if that does
  // not come for a minute.
  void Await(const std::string& what, const std::function<bool()>& is_true) {
    const absl::Time deadline = SystemClock().Now() + absl::Minutes(1);
    std::int64_t head = 0;
    while (!is_true()) {
      const absl::Time now = SystemClock().Now();
      ASSERT_LT(now, deadline) << "waited in vain until " << what;
      absl::StatusOr<std::int64_t> at =
          made_.store->WaitForHead(head, now + absl::Milliseconds(20));
      if (at.ok()) head = *at;
    }
  }
  std::int64_t CountOf(SagaStatus status) {
    std::int64_t count = 0;
    absl::StatusOr<std::vector<SagaRowCount>> counts = made_.storage->Count();
    EXPECT_THAT(counts, IsOk());
    for (const SagaRowCount& row : *counts) {
      if (row.status == status) count += row.instances;
    }
    return count;
  }
  int EventsOf(const std::string& type) {
    return static_cast<int>(StoryOf(*made_.store, {type}).size());
  }
  std::vector<SagaSummary> Parked() {
    SagaAdmin admin(*made_.store, *made_.storage);
    absl::StatusOr<std::vector<SagaSummary>> parked =
        admin.List({.saga = "Trip", .status = SagaStatus::kParked});
    EXPECT_THAT(parked, IsOk());
    return *std::move(parked);
  }

  SagaStore made_;
  std::unique_ptr<AggregateDispatcher> world_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_SAGAS_PROCESS_FIXTURE_H_
