#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stele/base/status.h"
#include "world.h"

namespace stele::bench {
namespace {

constexpr std::int64_t kStreamEvents = 10'000;
constexpr std::int64_t kLogEvents = 300'000;

struct State {
  std::shared_ptr<EventStore> store;
  std::string schema;
};

absl::StatusOr<double> ReadStream(State& state) {
  std::int64_t events = 0;
  std::size_t bytes = 0;
  const absl::Time began = absl::Now();
  STELE_RETURN_IF_ERROR(state.store->ReadStream({.stream_id = "filled-0"},
                                                [&](RecordedEvent event) {
                                                  ++events;
                                                  bytes += event.payload.size();
                                                  return absl::OkStatus();
                                                }));
  if (events != kStreamEvents) return absl::InternalError("events are missing");
  return static_cast<double>(events) /
         absl::ToDoubleSeconds(absl::Now() - began);
}

absl::StatusOr<double> ReadLog(State& state) {
  std::int64_t events = 0;
  ReadLogRequest request;
  request.limit = 100'000;
  const absl::Time began = absl::Now();
  for (;;) {
    STELE_ASSIGN_OR_RETURN(const LogProgress progress,
                           state.store->ReadLog(request, [&](RecordedEvent) {
                             ++events;
                             return absl::OkStatus();
                           }));
    request.after_position = progress.position;
    if (progress.at_head) break;
  }
  if (events != kLogEvents) return absl::InternalError("events are missing");
  return static_cast<double>(events) /
         absl::ToDoubleSeconds(absl::Now() - began);
}

std::string Columns(const std::string& schema, const std::string& rest) {
  return absl::StrCat("SELECT * FROM ", schema, ".events ", rest);
}

}  // namespace

absl::StatusOr<std::vector<Contest>> ReadContests(World& world) {
  auto state = std::make_shared<State>();
  state->schema = world.NewSchema();
  STELE_ASSIGN_OR_RETURN(state->store, world.NewStore(state->schema));
  STELE_RETURN_IF_ERROR(Fill(*state->store, kLogEvents, kStreamEvents,
                             world.settings().payload_bytes));
  return std::vector<Contest>{
      {"read.stream.10000", "events/s",
       "ordered binary COPY TO of the same rows",
       [state] { return ReadStream(*state); },
       [&world, state] {
         return world.raw().CopyOut(
             Columns(state->schema,
                     absl::StrCat("WHERE stream_key = (SELECT stream_key FROM ",
                                  state->schema,
                                  ".streams WHERE name = 'filled-0') "
                                  "ORDER BY version")));
       }},
      {"read.log", "events/s", "ordered binary COPY TO of the same rows",
       [state] { return ReadLog(*state); },
       [&world, state] {
         return world.raw().CopyOut(
             Columns(state->schema, "ORDER BY position"));
       }}};
}

}  // namespace stele::bench
