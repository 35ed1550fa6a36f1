#ifndef STELE_PROJECTIONS_SRC_WAIT_H_
#define STELE_PROJECTIONS_SRC_WAIT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/eventstore/event_store.h"

namespace stele::projections_internal {

// What fills the table that the public name shows.
struct ActiveFeed {
  bool is_inline = false;
  std::string consumer;
};

// Waits until the consumer that `find_feed` names has handled `position`; it is
// asked again each time, for a switch may come in between. See
// Projections::WaitFor().
absl::Status AwaitPosition(
    EventStore& store, const std::string& projection, std::int64_t position,
    absl::Time deadline,
    const std::function<absl::StatusOr<ActiveFeed>()>& find_feed);

// The active feed, from the registry. kNotFound if there is no such projection.
absl::StatusOr<ActiveFeed> FindActiveFeed(EventStore& store,
                                          const std::string& projection);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_WAIT_H_
