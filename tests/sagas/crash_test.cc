// A process that is killed between any two of its operations, and then another
// that goes on: the result is that of a process nobody killed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "stele/testing/status_matchers.h"
#include "tests/model/bank_rules.h"
#include "tests/sagas/crashing_store.h"
#include "tests/sagas/saga_world.h"
#include "tests/sagas/stores.h"
#include "tests/sagas/trip_rules.h"

namespace stele::testing {
namespace {

// What must not depend on where a process was killed. Other sagas' commands may
// come in between, so each stream's events are told apart.
struct Outcome {
  std::vector<std::string> effects;
  std::vector<SagaStatus> statuses;
  std::size_t timers_elapsed = 0;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

class CrashTest : public ::testing::TestWithParam<SagaStoreKind> {
 protected:
  // Sends what the sagas are to do, to a fresh store.
  virtual void SetScene(Dispatcher& world) = 0;
  virtual SagaType Type() const = 0;
  virtual std::vector<std::string> EffectTypes() const = 0;
  virtual std::vector<std::string> Instances() const = 0;

  Outcome OutcomeOf(const SagaStore& made) {
    Outcome outcome;
    outcome.effects = StoryOf(*made.store, EffectTypes());
    outcome.timers_elapsed =
        StoryOf(*made.store, {"stele.SagaTimerElapsed"}).size();
    for (const std::string& instance : Instances()) {
      absl::StatusOr<std::optional<SagaRow>> row =
          made.storage->Find(Type().name, instance);
      EXPECT_THAT(row, IsOk());
      outcome.statuses.push_back(
          row.ok() && row->has_value() ? (*row)->status : SagaStatus::kParked);
    }
    return outcome;
  }

  // Runs to the end, killed at the `crash_at`-th operation and gone on with
  // after that. `crashed` says whether it came to that.
  Outcome Run(int crash_at, int batch_events_max, bool* crashed) {
    const SagaStore made = GetParam().make();
    SetScene(*MakeWorldDispatcher(*made.store));
    Checkpoint checkpoint;
    {
      CrashingStore store(*made.store, crash_at);
      HandDriver driver(Type(), store, *made.storage, checkpoint,
                        {.dispatches_max = 1});
      absl::Status ended = driver.RunUntilIdle(batch_events_max);
      if (ended.ok()) {
        made.let_pass(absl::Minutes(2));
        ended = driver.RunUntilIdle(batch_events_max);
      }
      *crashed = store.has_crashed();
      EXPECT_EQ(*crashed, !ended.ok()) << ended;
    }
    HandDriver driver(Type(), *made.store, *made.storage, checkpoint);
    EXPECT_THAT(driver.RunUntilIdle(batch_events_max), IsOk());
    made.let_pass(absl::Minutes(2));
    EXPECT_THAT(driver.RunUntilIdle(batch_events_max), IsOk());
    return OutcomeOf(made);
  }

  void KillEverywhere(int batch_events_max) {
    bool crashed = false;
    const Outcome expected =
        Run(CrashingStore::kNever, batch_events_max, &crashed);
    ASSERT_FALSE(crashed);
    int crashes = 0;
    for (int n = 0;; ++n, ++crashes) {
      const Outcome outcome = Run(n, batch_events_max, &crashed);
      if (!crashed) break;
      EXPECT_EQ(outcome, expected)
          << "killed at operation " << n << "; effects "
          << ::testing::PrintToString(outcome.effects) << " instead of "
          << ::testing::PrintToString(expected.effects);
      if (HasFailure()) return;
    }
    EXPECT_GT(crashes, 20);  // The test would prove nothing.
  }
};

// Two legs booked, a third refused, both freed again; and one that waits for a
// payment that does not come.
class TripCrashTest : public CrashTest {
 protected:
  SagaType Type() const override { return MakeSagaType<trips::Trips>(); }
  std::vector<std::string> EffectTypes() const override {
    return {"trips.SeatBooked", "trips.SeatFreed"};
  }
  std::vector<std::string> Instances() const override { return {"t"}; }
  void SetScene(Dispatcher& world) override {
    for (const char* leg : {"a", "b"}) {
      Send(world, trips::MakeOpenLeg({.leg_id = leg, .seats = 3}));
    }
    Send(world, trips::MakeOpenLeg({.leg_id = "full", .seats = 0}));
    trips::PlaceTrip place;
    place.set_trip_id("t");
    for (const char* leg : {"a", "b", "full"}) place.add_leg_ids(leg);
    Send(world, place);
  }
};

TEST_P(TripCrashTest, CompensationGoesOnFromAnyStep) { KillEverywhere(500); }
TEST_P(TripCrashTest, CompensationGoesOnEventByEvent) { KillEverywhere(1); }

class TimeOutCrashTest : public TripCrashTest {
 protected:
  void SetScene(Dispatcher& world) override {
    Send(world, trips::MakeOpenLeg({.leg_id = "a", .seats = 3}));
    trips::PlaceTrip place;
    place.set_trip_id("t");
    place.add_leg_ids("a");
    place.set_patience_seconds(60);
    Send(world, place);
  }
};

TEST_P(TimeOutCrashTest, ATimerElapsesOnceWhereverItIsKilled) {
  KillEverywhere(500);
}

// One transfer that is paid, one that is refunded, one that is refused.
class TransferCrashTest : public CrashTest {
 protected:
  SagaType Type() const override { return MakeSagaType<bank::Transfers>(); }
  std::vector<std::string> EffectTypes() const override {
    return {"bank.Withdrawn", "bank.Deposited", "bank.Refunded"};
  }
  std::vector<std::string> Instances() const override {
    return {"paid", "refunded", "refused"};
  }
  void SetScene(Dispatcher& world) override {
    for (const char* account : {"ada", "bob"}) {
      Send(world, bank::MakeOpenAccount({.account_id = account}));
    }
    Send(world, bank::MakeDeposit({.account_id = "ada", .amount_cents = 1000}));
    const auto request = [&](const char* transfer, const char* to,
                             std::int64_t cents) {
      Send(world, bank::MakeRequestTransfer({.account_id = "ada",
                                             .transfer_id = transfer,
                                             .to_account_id = to,
                                             .amount_cents = cents}));
    };
    request("paid", "bob", 10);
    request("refunded", "nobody", 20);
    request("refused", "bob", 1'000'000);
  }
};

TEST_P(TransferCrashTest, MoneyMovesOnce) { KillEverywhere(500); }
TEST_P(TransferCrashTest, MoneyMovesOnceEventByEvent) { KillEverywhere(1); }

const auto kStores =
    ::testing::Values(SagaStoreKind{"Memory", MakeMemorySagaStore},
                      SagaStoreKind{"Postgres", MakePostgresSagaStore});
const auto kNameOf = [](const auto& kind) { return kind.param.name; };

INSTANTIATE_TEST_SUITE_P(Stores, TripCrashTest, kStores, kNameOf);
INSTANTIATE_TEST_SUITE_P(Stores, TimeOutCrashTest, kStores, kNameOf);
INSTANTIATE_TEST_SUITE_P(Stores, TransferCrashTest, kStores, kNameOf);

}  // namespace
}  // namespace stele::testing
