#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/base/status.h"
#include "tests/model/bank_rules.h"
#include "world.h"

namespace stele::bench {
namespace {

struct State {
  std::shared_ptr<EventStore> store;
  std::unique_ptr<AggregateDispatcher> dispatcher;
  int accounts = 0;
};

// Deposits of `callers` into an account each: load, decide, append.
Contest Commands(World& world, std::shared_ptr<State> state, int callers) {
  const Settings& settings = world.settings();
  return {absl::StrCat("command.c", callers), "commands/s",
          world.raw().Against(callers),
          [&settings, state, callers]() -> absl::StatusOr<double> {
            std::vector<std::string> accounts;
            for (int i = 0; i < callers; ++i) {
              accounts.push_back(absl::StrCat("a", state->accounts++));
              STELE_RETURN_IF_ERROR(
                  state->dispatcher->Dispatch(bank::MakeOpenAccount(
                      {.account_id = accounts.back(), .owner = "Ada"})));
            }
            return CallsPerSecond(callers, settings.slice, [&](int caller) {
              return state->dispatcher
                  ->Dispatch(bank::MakeDeposit(
                      {.account_id = accounts[static_cast<std::size_t>(caller)],
                       .amount_cents = 1}))
                  .status();
            });
          },
          [&world, &settings, callers] {
            return world.raw().InsertsFor(callers, settings.slice,
                                          settings.payload_bytes);
          }};
}

}  // namespace

absl::StatusOr<std::vector<Contest>> CommandContests(World& world) {
  auto state = std::make_shared<State>();
  STELE_ASSIGN_OR_RETURN(state->store, world.NewStore(world.NewSchema()));
  state->dispatcher = MakeDispatcher(*state->store);
  STELE_RETURN_IF_ERROR(
      state->dispatcher->Add(MakeAggregateType<bank::AccountDecider>()));
  return std::vector<Contest>{Commands(world, state, 1),
                              Commands(world, state, 64)};
}

}  // namespace stele::bench
