// A process that is killed between any two of its operations, and then another
// that goes on: the result is that of a process nobody killed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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
  void SetUp() override { made_ = GetParam().make(); }

  // Sends what the sagas are to do. All ids begin with `run`, so that the runs
  // of a test, which share a store, are strangers to each other.
  virtual void SetScene(Dispatcher& world, const std::string& run) = 0;
  virtual SagaType Type() const = 0;
  virtual std::vector<std::string> EffectTypes() const = 0;
  virtual std::vector<std::string> Instances() const = 0;

  Outcome OutcomeOf(const std::string& run, std::int64_t began) {
    Outcome outcome;
    outcome.effects = StoryOf(*made_.store, EffectTypes(), began);
    for (std::string& effect : outcome.effects) {
      effect.erase(effect.find(run), run.size());
    }
    outcome.timers_elapsed =
        StoryOf(*made_.store, {"stele.SagaTimerElapsed"}, began).size();
    for (const std::string& instance : Instances()) {
      absl::StatusOr<std::optional<SagaRow>> row =
          made_.storage->Find(Type().name, run + instance);
      EXPECT_THAT(row, IsOk());
      outcome.statuses.push_back(
          row.ok() && row->has_value() ? (*row)->status : SagaStatus::kParked);
    }
    return outcome;
  }

  // Runs to the end, killed at the `crash_at`-th operation and gone on with
  // after that. `crashed` says whether it came to that.
  Outcome Run(int crash_at, int batch_events_max, bool* crashed) {
    const std::string run = absl::StrCat("run", ++runs_, "-");
    SetScene(*MakeWorldDispatcher(*made_.store), run);
    const std::int64_t began = ended_;
    Checkpoint checkpoint = {.position = began};
    {
      CrashingStore store(*made_.store, crash_at);
      HandDriver driver(Type(), store, *made_.storage, checkpoint,
                        {.dispatches_max = 1});
      absl::Status ended = driver.RunUntilIdle(batch_events_max);
      if (ended.ok()) {
        made_.let_pass(absl::Minutes(2));
        ended = driver.RunUntilIdle(batch_events_max);
      }
      *crashed = store.has_crashed();
      EXPECT_EQ(*crashed, !ended.ok()) << ended;
    }
    HandDriver driver(Type(), *made_.store, *made_.storage, checkpoint);
    EXPECT_THAT(driver.RunUntilIdle(batch_events_max), IsOk());
    made_.let_pass(absl::Minutes(2));
    EXPECT_THAT(driver.RunUntilIdle(batch_events_max), IsOk());
    ended_ = made_.store->Head().value();
    return OutcomeOf(run, began);
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

  SagaStore made_;
  int runs_ = 0;
  std::int64_t ended_ = 0;  // Where the log stood after the last run.
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
  void SetScene(Dispatcher& world, const std::string& run) override {
    for (const char* leg : {"a", "b"}) {
      Send(world, trips::MakeOpenLeg({.leg_id = run + leg, .seats = 3}));
    }
    Send(world, trips::MakeOpenLeg({.leg_id = run + "full", .seats = 0}));
    trips::PlaceTrip place;
    place.set_trip_id(run + "t");
    for (const char* leg : {"a", "b", "full"}) place.add_leg_ids(run + leg);
    Send(world, place);
  }
};

TEST_P(TripCrashTest, CompensationGoesOnFromAnyStep) { KillEverywhere(500); }
TEST_P(TripCrashTest, CompensationGoesOnEventByEvent) { KillEverywhere(1); }

class TimeOutCrashTest : public TripCrashTest {
 protected:
  void SetScene(Dispatcher& world, const std::string& run) override {
    Send(world, trips::MakeOpenLeg({.leg_id = run + "a", .seats = 3}));
    trips::PlaceTrip place;
    place.set_trip_id(run + "t");
    place.add_leg_ids(run + "a");
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
  void SetScene(Dispatcher& world, const std::string& run) override {
    for (const char* account : {"ada", "bob"}) {
      Send(world, bank::MakeOpenAccount({.account_id = run + account}));
    }
    Send(world,
         bank::MakeDeposit({.account_id = run + "ada", .amount_cents = 1000}));
    const auto request = [&](const char* transfer, const char* to,
                             std::int64_t cents) {
      Send(world, bank::MakeRequestTransfer({.account_id = run + "ada",
                                             .transfer_id = run + transfer,
                                             .to_account_id = run + to,
                                             .amount_cents = cents}));
    };
    request("paid", "bob", 10);
    request("refunded", "nobody", 20);
    request("refused", "bob", 1'000'000);
  }
};

TEST_P(TransferCrashTest, MoneyMovesOnce) { KillEverywhere(500); }
TEST_P(TransferCrashTest, MoneyMovesOnceEventByEvent) { KillEverywhere(1); }

INSTANTIATE_TEST_SUITE_P(Stores, TripCrashTest, kSagaStores, NameOfStore);
INSTANTIATE_TEST_SUITE_P(Stores, TimeOutCrashTest, kSagaStores, NameOfStore);
INSTANTIATE_TEST_SUITE_P(Stores, TransferCrashTest, kSagaStores, NameOfStore);

}  // namespace
}  // namespace stele::testing
