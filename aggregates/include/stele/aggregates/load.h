#ifndef STELE_AGGREGATES_LOAD_H_
#define STELE_AGGREGATES_LOAD_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "stele/aggregates/aggregate_type.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// The state of an aggregate at `version` of its stream; 0 = it does not exist,
// or all that is known of it are commands that were refused.
template <typename State>
struct LoadedAggregate {
  State state;
  std::int64_t version = 0;
};

namespace aggregates_internal {

struct UntypedAggregate {
  std::unique_ptr<google::protobuf::Message> state;
  std::int64_t version = 0;
};

absl::StatusOr<UntypedAggregate> Load(EventStore& store,
                                      const AggregateType& type,
                                      std::string_view id);

}  // namespace aggregates_internal

// The state of the aggregate `id` ("ada", not "account-ada") as it is now, from
// its newest usable snapshot and the events after that. For looking at; a
// command decides on a state of its own.
//
// Errors:
//   kInvalidArgument  a malformed id.
//   kNotFound         its stream is tombstoned.
//   kDataLoss         a stored event cannot be read; names stream, version,
//                     position and type.
//   kInternal         Evolve() threw.
//   kUnavailable, kDeadlineExceeded
template <typename Decider>
absl::StatusOr<LoadedAggregate<typename Decider::Aggregate>> LoadAggregate(
    EventStore& store, std::string_view id) {
  using State = typename Decider::Aggregate;
  static const auto& type = *new AggregateType(MakeAggregateType<Decider>());
  const auto loaded = aggregates_internal::Load(store, type, id);
  if (!loaded.ok()) return loaded.status();
  return LoadedAggregate<State>{std::move(static_cast<State&>(*loaded->state)),
                                loaded->version};
}

}  // namespace stele

#endif  // STELE_AGGREGATES_LOAD_H_
