#include "rebuild/gap.h"

#include <algorithm>
#include <map>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sql_text.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele::projections_internal {
namespace {

// True iff what counts is the log, not another version's consumer.
bool IsMeasuredByLog(const VersionRow& active, const VersionRow& target) {
  return active.feed == Feed::kAppends || active.version == target.version;
}

// Events that concern `target` after `from`, up to `to`: a checkpoint lags for
// want of such events, too. Where it is too far to be near, positions. A scan
// along the primary key of at most kNearPositions events.
std::int64_t EventsBetween(Transaction& tx, const VersionRow& target,
                           std::int64_t from, std::int64_t to) {
  if (to <= from) return 0;
  if (to - from > kNearPositions) return to - from;
  return tx.sql()
      ->exec_params(
          absl::StrCat("SELECT count(*) FROM ",
                       QuoteTable(tx.schema(), "events"), " e JOIN ",
                       QuoteTable(tx.schema(), "event_types"),
                       " t USING (type_id) WHERE e.position > $1 AND "
                       "e.position <= $2 AND t.name = ANY ($3::text[])"),
          from, to, ArrayOf(target.event_types))[0][0]
      .as<std::int64_t>();
}

}  // namespace

bool CoversBySlot(const Checkpoints& here, const Checkpoints& other) {
  if (here.positions.size() != other.positions.size()) return false;
  for (std::size_t i = 0; i < here.positions.size(); ++i) {
    if (here.positions[i] < other.positions[i]) return false;
  }
  return !here.positions.empty();
}

absl::StatusOr<std::int64_t> MeasureGap(EventStore& store, Transaction& tx,
                                        const VersionRow& active,
                                        const VersionRow& target) {
  STELE_ASSIGN_OR_RETURN(const Checkpoints here,
                         ReadCheckpoints(store, tx, target.consumer));
  const std::int64_t least = here.Least(target.start_position);
  if (IsMeasuredByLog(active, target)) {
    return EventsBetween(tx, target, least, LastPosition(tx));
  }
  STELE_ASSIGN_OR_RETURN(const Checkpoints there,
                         ReadCheckpoints(store, tx, active.consumer));
  // Other code may give an event another key, and so another slot.
  if (active.fingerprint == target.fingerprint && CoversBySlot(here, there)) {
    return 0;
  }
  return EventsBetween(tx, target, least, there.Most(active.start_position));
}

absl::Status CheckParked(EventStore& store, Transaction& tx,
                         const VersionRow& active, const VersionRow& target) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> here,
                         store.consumers().ListParked(tx, target.consumer));
  if (here.empty()) return absl::OkStatus();
  std::map<std::string, std::int64_t> shown_until;
  if (!IsMeasuredByLog(active, target)) {
    STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> there,
                           store.consumers().ListParked(tx, active.consumer));
    for (const ParkedKey& parked : there) {
      shown_until[parked.key] = parked.first_position;
    }
  }
  const auto behind =
      std::count_if(here.begin(), here.end(), [&](const ParkedKey& parked) {
        const auto there = shown_until.find(parked.key);
        return there == shown_until.end() ||
               there->second > parked.first_position;
      });
  if (behind == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      behind, " keys are parked in ", target.consumer,
      " with events that the public name must show; `stele parked list` names "
      "them: retry or discard them first"));
}

}  // namespace stele::projections_internal
