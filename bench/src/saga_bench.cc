#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "raw_timers.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer.h"
#include "stele/sagas/saga_engine.h"
#include "stele/sagas/saga_storage.h"
#include "tests/model/bank_rules.h"
#include "world.h"

namespace stele::bench {
namespace {

constexpr absl::Duration kApart = absl::Milliseconds(5);

// How late timers were in the hands of the saga's code, in milliseconds.
struct Lateness {
  absl::Mutex mutex;
  std::vector<double> late ABSL_GUARDED_BY(mutex);
};
Lateness& Noted() {
  static auto& lateness = *new Lateness;
  return lateness;
}

// Transfers that note when their timer has come to them. Due times are by the
// server's clock, which is this machine's.
struct NotingTransfers : bank::Transfers {
  using bank::Transfers::On;
  static Next On(bank::Transfer& saga,
                 const Elapsed<bank::TransferSettlement>& timer) {
    const absl::Duration late = absl::Now() - timer.due_at();
    {
      absl::MutexLock lock(&Noted().mutex);
      Noted().late.push_back(absl::ToDoubleMilliseconds(late));
    }
    return bank::Transfers::On(saga, timer);
  }
};

struct State {
  std::shared_ptr<EventStore> store;
  std::shared_ptr<SagaStorage> storage;
  std::unique_ptr<AggregateDispatcher> dispatcher;
  int transfers = 0;
  int runs = 0;

  // Accounts for `count` more transfers, each with its own two.
  absl::Status OpenAccounts(int count) {
    for (int i = transfers; i < transfers + count; ++i) {
      for (const char* side : {"from", "to"}) {
        const std::string id = absl::StrCat(side, i);
        STELE_RETURN_IF_ERROR(dispatcher->Dispatch(
            bank::MakeOpenAccount({.account_id = id, .owner = "Ada"})));
        STELE_RETURN_IF_ERROR(dispatcher->Dispatch(
            bank::MakeDeposit({.account_id = id, .amount_cents = 1})));
      }
    }
    return absl::OkStatus();
  }

  // Transfers that wait for a second each, one every kApart.
  absl::Status Request(int count) {
    const absl::Time began = absl::Now();
    for (int i = 0; i < count; ++i, ++transfers) {
      absl::SleepFor(began + i * kApart - absl::Now());
      STELE_RETURN_IF_ERROR(dispatcher->Dispatch(bank::MakeRequestTransfer(
          {.account_id = absl::StrCat("from", transfers),
           .transfer_id = absl::StrCat("t", transfers),
           .to_account_id = absl::StrCat("to", transfers),
           .amount_cents = 1,
           .settle_after_seconds = 1})));
    }
    return absl::OkStatus();
  }
};

int TimersOf(absl::Duration slice) {
  return std::max(1, static_cast<int>(slice / kApart));
}

absl::Status AwaitNoted(int count) {
  absl::MutexLock lock(&Noted().mutex);
  const auto all_noted = [count]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return Noted().late.size() >= static_cast<std::size_t>(count);
  };
  if (Noted().mutex.AwaitWithTimeout(absl::Condition(&all_noted),
                                     absl::Minutes(1))) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError("the timers did not run out");
}

absl::StatusOr<std::vector<double>> TimersLate(State& state,
                                               absl::Duration slice) {
  const int timers = TimersOf(slice);
  STELE_RETURN_IF_ERROR(state.OpenAccounts(timers));
  const SagaType type = MakeSagaType<NotingTransfers>();
  STELE_ASSIGN_OR_RETURN(
      const auto engine,
      MakeSagaEngine(type, *state.store, *state.storage, *state.dispatcher));
  STELE_ASSIGN_OR_RETURN(
      const auto consumer,
      Consumer::Create(*state.store, *engine, SagaConsumerOptions(type, {}),
                       absl::StrCat("bench", state.runs++)));
  absl::Status ended;
  std::jthread thread([&] { ended = consumer->Run(); });
  absl::Status done = state.Request(timers);
  if (done.ok()) done = AwaitNoted(timers);
  consumer->Stop();
  thread.join();
  STELE_RETURN_IF_ERROR(done);
  STELE_RETURN_IF_ERROR(ended);
  absl::MutexLock lock(&Noted().mutex);
  return std::exchange(Noted().late, {});
}

Contest TimerLateness(World& world, std::shared_ptr<State> state, int percent) {
  const absl::Duration slice = world.settings().slice;
  return {absl::StrCat("sagas.timer_lateness.p", percent), "ms",
          "rows polled every 20 ms by hand",
          [state, slice, percent]() -> absl::StatusOr<double> {
            STELE_ASSIGN_OR_RETURN(auto late, TimersLate(*state, slice));
            return Percentile(std::move(late), percent);
          },
          [&world, slice, percent]() -> absl::StatusOr<double> {
            STELE_ASSIGN_OR_RETURN(
                auto late, RawTimersLate(world.dsn(), TimersOf(slice), kApart,
                                         absl::Milliseconds(20)));
            return Percentile(std::move(late), percent);
          }};
}

}  // namespace

absl::StatusOr<std::vector<Contest>> SagaContests(World& world) {
  auto state = std::make_shared<State>();
  STELE_ASSIGN_OR_RETURN(state->store, world.NewStore(world.NewSchema()));
  STELE_ASSIGN_OR_RETURN(state->storage, OpenSagaStorage(*state->store));
  state->dispatcher = MakeDispatcher(*state->store);
  STELE_RETURN_IF_ERROR(
      state->dispatcher->Add(MakeAggregateType<bank::AccountDecider>()));
  return std::vector<Contest>{TimerLateness(world, state, 50),
                              TimerLateness(world, state, 99)};
}

}  // namespace stele::bench
