#ifndef STELE_TESTS_SAGAS_ENGINE_FIXTURE_H_
#define STELE_TESTS_SAGAS_ENGINE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"
#include "tests/sagas/saga_world.h"
#include "tests/sagas/stores.h"
#include "tests/sagas/trip_rules.h"

namespace stele::testing {

// Trips and transfers whose engines are run by hand, without a consumer.
class EngineTest : public ::testing::TestWithParam<SagaStoreKind> {
 protected:
  void SetUp() override {
    made_ = GetParam().make();
    Restart();
  }

  // A new process: nothing is remembered but what the store holds.
  void Restart() {
    trips_ = std::make_unique<HandDriver>(MakeSagaType<trips::Trips>(),
                                          *made_.store, *made_.storage,
                                          trips_checkpoint_, options_);
    transfers_ = std::make_unique<HandDriver>(MakeSagaType<bank::Transfers>(),
                                              *made_.store, *made_.storage,
                                              transfers_checkpoint_, options_);
  }

  Dispatcher& world() { return trips_->dispatcher(); }

  void OpenLegs(const std::vector<std::string>& legs, std::int64_t seats = 10) {
    for (const std::string& leg : legs) {
      Send(world(), trips::MakeOpenLeg({.leg_id = leg, .seats = seats}));
    }
  }
  void Place(const std::string& trip, const std::vector<std::string>& legs,
             const std::string& note = "", std::int64_t patience = 60) {
    trips::PlaceTrip place;
    place.set_trip_id(trip);
    for (const std::string& leg : legs) place.add_leg_ids(leg);
    place.set_patience_seconds(patience);
    place.set_note(note);
    Send(world(), place);
  }
  void Pay(const std::string& trip) {
    Send(world(), trips::MakePayTrip({.trip_id = trip}));
  }
  void RunTrips() { ASSERT_THAT(trips_->RunUntilIdle(), IsOk()); }

  SagaStatus StatusOf(const std::string& name, const std::string& instance) {
    absl::StatusOr<std::optional<SagaRow>> row =
        made_.storage->Find(name, instance);
    EXPECT_THAT(row, IsOk());
    EXPECT_TRUE(row->has_value()) << name << " " << instance;
    return row->has_value() ? (*row)->status : SagaStatus::kParked;
  }
  void ExpectNoTimers(const std::string& trip) {
    const SagaRow row = made_.storage->Find("Trip", trip).value().value();
    EXPECT_EQ(row.timers, 0);
    EXPECT_EQ(row.next_timer_at, std::nullopt);
  }
  std::vector<std::string> Seats() {
    return StoryOf(*made_.store, {"trips.SeatBooked", "trips.SeatFreed"});
  }
  std::vector<std::string> Money() {
    return StoryOf(*made_.store,
                   {"bank.Withdrawn", "bank.Deposited", "bank.Refunded"});
  }

  SagaStore made_;
  SagaEngineOptions options_;
  Checkpoint trips_checkpoint_;
  Checkpoint transfers_checkpoint_;
  std::unique_ptr<HandDriver> trips_;
  std::unique_ptr<HandDriver> transfers_;
};

}  // namespace stele::testing

#endif  // STELE_TESTS_SAGAS_ENGINE_FIXTURE_H_
