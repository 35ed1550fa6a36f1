#include "wait.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "checkpoints.h"
#include "registry.h"
#include "sql.h"
#include "stele/base/clock.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/projections/admin.h"

namespace stele {
namespace projections_internal {
namespace {

constexpr absl::Duration kFirstPoll = absl::Milliseconds(1);
constexpr absl::Duration kLastPoll = absl::Milliseconds(20);

// An error if the event at `position` is held behind a parked key.
absl::Status CheckNotParked(EventStore& store, const std::string& consumer,
                            const std::string& projection,
                            std::int64_t position) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> parked,
                         store.consumers().ListParked(consumer));
  for (const ParkedKey& key : parked) {
    if (key.first_position > position) continue;
    STELE_ASSIGN_OR_RETURN(
        const std::vector<std::int64_t> held,
        store.consumers().HeldPositions(
            consumer, key.key, std::numeric_limits<std::int32_t>::max()));
    if (std::find(held.begin(), held.end(), position) == held.end()) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "the event at position ", position, " is parked in projection ",
        projection, " under key ", Quoted(key.key), ": ", key.cause));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AwaitPosition(
    EventStore& store, const std::string& projection, std::int64_t position,
    absl::Time deadline,
    const std::function<absl::StatusOr<ActiveFeed>()>& find_feed) {
  absl::Duration poll = kFirstPoll;
  while (true) {
    STELE_ASSIGN_OR_RETURN(const ActiveFeed feed, find_feed());
    if (feed.is_inline) return absl::OkStatus();
    STELE_ASSIGN_OR_RETURN(const Checkpoints now,
                           ReadCheckpoints(store, feed.consumer));
    if (now.parked_keys > 0) {
      STELE_RETURN_IF_ERROR(
          CheckNotParked(store, feed.consumer, projection, position));
    }
    if (now.Least(0) >= position) return absl::OkStatus();
    const absl::Duration left = deadline - SystemClock().Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat("projection ", projection, " is at position ",
                       now.Least(0), ", not yet at ", position));
    }
    Pause(std::min(poll, left));
    poll = std::min(poll * 2, kLastPoll);
  }
}

absl::StatusOr<ActiveFeed> FindActiveFeed(EventStore& store,
                                          const std::string& projection) {
  ActiveFeed feed;
  STELE_RETURN_IF_ERROR(store.Transact([&](Transaction& tx) {
    return RunSql([&]() -> absl::Status {
      const std::optional<RegistryRow> row = Registry(tx).Find(projection);
      if (!row.has_value() || row->active_version() == nullptr) {
        return absl::NotFoundError(
            absl::StrCat("no projection ", Quoted(projection)));
      }
      feed.is_inline = row->active_version()->feed == Feed::kAppends;
      feed.consumer = row->active_version()->consumer;
      return absl::OkStatus();
    });
  }));
  return feed;
}

}  // namespace projections_internal

absl::Status WaitForProjection(EventStore& store, const std::string& projection,
                               std::int64_t position, absl::Time deadline) {
  STELE_RETURN_IF_ERROR(projections_internal::CheckHasRegistry(store));
  return projections_internal::AwaitPosition(
      store, projection, position, deadline,
      [&] { return projections_internal::FindActiveFeed(store, projection); });
}

}  // namespace stele
