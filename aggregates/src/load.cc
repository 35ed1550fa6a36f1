#include "stele/aggregates/load.h"

#include <string>

#include "stele/base/status.h"
#include "stele/eventstore/event.h"
#include "stream_state.h"

namespace stele::aggregates_internal {

absl::StatusOr<UntypedAggregate> Load(EventStore& store,
                                      const AggregateType& type,
                                      std::string_view id) {
  std::string stream_id = MakeStreamId(type.category(), id);
  STELE_RETURN_IF_ERROR(ValidateStreamId(stream_id));
  StreamState state(store, type, std::move(stream_id));
  STELE_RETURN_IF_ERROR(state.Load());
  const std::int64_t version =
      state.fold().exists() ? state.fold().version() : 0;
  return UntypedAggregate{state.TakeState(), version};
}

}  // namespace stele::aggregates_internal
