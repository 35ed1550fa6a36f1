#include <atomic>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "world.h"

namespace stele::bench {
namespace {

struct State {
  std::shared_ptr<EventStore> store;
  std::atomic<std::int64_t> next_stream = 0;
};

absl::Status AppendNew(State& state, std::size_t payload_bytes) {
  const AppendRequest request = {
      .stream_id = absl::StrCat("new-", state.next_stream++),
      .expected_version = ExpectedVersion::NoStream(),
      .events = {MakeEvent(payload_bytes)}};
  return state.store->Append(request).status();
}

Contest NewStreams(World& world, std::shared_ptr<State> state, int callers) {
  const Settings& settings = world.settings();
  return {absl::StrCat("append.new.c", callers), "events/s",
          world.raw().Against(callers),
          [&settings, state, callers] {
            return CallsPerSecond(callers, settings.slice, [&](int) {
              return AppendNew(*state, settings.payload_bytes);
            });
          },
          [&world, &settings, callers] {
            return world.raw().InsertsFor(callers, settings.slice,
                                          settings.payload_bytes);
          }};
}

Contest ExactVersions(World& world, std::shared_ptr<State> state, int callers) {
  const Settings& settings = world.settings();
  return {absl::StrCat("append.exact.c", callers), "events/s",
          world.raw().Against(callers),
          [&settings, state, callers] {
            std::vector<AppendRequest> requests;
            for (int i = 0; i < callers; ++i) {
              requests.push_back(
                  {.stream_id = absl::StrCat("grow-", state->next_stream++),
                   .expected_version = ExpectedVersion::NoStream(),
                   .events = {}});
            }
            return CallsPerSecond(
                callers, settings.slice, [&](int caller) -> absl::Status {
                  AppendRequest& request =
                      requests[static_cast<std::size_t>(caller)];
                  request.events = {MakeEvent(settings.payload_bytes)};
                  STELE_ASSIGN_OR_RETURN(const AppendResult result,
                                         state->store->Append(request));
                  request.expected_version =
                      ExpectedVersion::Exactly(result.version);
                  return absl::OkStatus();
                });
          },
          [&world, &settings, callers] {
            return world.raw().InsertsFor(callers, settings.slice,
                                          settings.payload_bytes);
          }};
}

Contest Latency(World& world, std::shared_ptr<State> state) {
  const Settings& settings = world.settings();
  return {"append.new.c1.p50", "us", "p50 of one raw INSERT (lower is better)",
          [&settings, state] {
            return MedianMicros(settings.slice, [&] {
              return AppendNew(*state, settings.payload_bytes);
            });
          },
          [&world, &settings] {
            return world.raw().InsertMicros(settings.slice,
                                            settings.payload_bytes);
          }};
}

}  // namespace

absl::StatusOr<std::vector<Contest>> AppendContests(World& world) {
  STELE_ASSIGN_OR_RETURN(auto store, world.NewStore(world.NewSchema()));
  auto state = std::make_shared<State>();
  state->store = std::move(store);
  return std::vector<Contest>{
      NewStreams(world, state, 1), NewStreams(world, state, 64),
      ExactVersions(world, state, 1), ExactVersions(world, state, 64),
      Latency(world, state)};
}

}  // namespace stele::bench
