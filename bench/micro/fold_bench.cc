// What an event costs before any server is involved.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "stele/aggregates/load.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/in_memory.h"
#include "tests/model/bank_rules.h"

namespace stele {
namespace {

void AppendDeposits(EventStore& store, std::int64_t events) {
  AppendRequest request{.stream_id = "account-ada"};
  const auto add = [&request](const std::string& type, std::string payload) {
    request.events.push_back({.id = RandomIds().Next(),
                              .type = type,
                              .payload = std::move(payload)});
  };
  add("bank.AccountOpened",
      bank::MakeAccountOpened({.owner = "Ada"}).SerializeAsString());
  for (std::int64_t i = 1; i < events; ++i) {
    add("bank.Deposited",
        bank::MakeDeposited({.amount_cents = i}).SerializeAsString());
  }
  benchmark::DoNotOptimize(store.Append(request));
}

// Reads a stream from memory, parses its events and folds them.
void BM_LoadAggregate(benchmark::State& state) {
  const auto store = MakeInMemoryEventStore();
  AppendDeposits(*store, state.range(0));
  for (auto _ : state) {
    auto account = LoadAggregate<bank::AccountDecider>(*store, "ada");
    benchmark::DoNotOptimize(account);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_LoadAggregate)->ArgName("events")->Arg(10)->Arg(10'000);

void BM_SerializeMetadata(benchmark::State& state) {
  EventMetadata metadata;
  metadata.correlation_id = "0190163d-8694-739b-aea5-966c26f8ad91";
  metadata.causation_id = metadata.correlation_id;
  metadata.command_id = RandomIds().Next();
  for (auto _ : state) {
    std::string bytes = SerializeMetadata(metadata);
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SerializeMetadata);

void BM_NewId(benchmark::State& state) {
  for (auto _ : state) {
    Uuid id = RandomIds().Next();
    benchmark::DoNotOptimize(id);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_NewId);

}  // namespace
}  // namespace stele

BENCHMARK_MAIN();
