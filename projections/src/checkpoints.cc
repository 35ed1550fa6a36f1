#include "checkpoints.h"

#include <algorithm>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "sql_text.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele::projections_internal {

std::int64_t Checkpoints::Least(std::int64_t start) const {
  if (positions.empty()) return start;
  return *std::min_element(positions.begin(), positions.end());
}

std::int64_t Checkpoints::Most(std::int64_t start) const {
  if (positions.empty()) return start;
  return *std::max_element(positions.begin(), positions.end());
}

namespace {

Checkpoints CheckpointsOf(const ConsumerStatus& status) {
  Checkpoints checkpoints;
  checkpoints.parked_keys = status.parked_keys;
  checkpoints.is_paused = status.is_paused;
  for (const SlotStatus& slot : status.slots) {
    checkpoints.positions.push_back(slot.position);
  }
  return checkpoints;
}

}  // namespace

absl::StatusOr<Checkpoints> ReadCheckpoints(EventStore& store,
                                            const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> all,
                         store.consumers().List());
  for (const ConsumerStatus& status : all) {
    if (status.name == consumer) return CheckpointsOf(status);
  }
  return Checkpoints();
}

absl::StatusOr<Checkpoints> ReadCheckpoints(EventStore& store, Transaction& tx,
                                            const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const std::optional<ConsumerStatus> status,
                         store.consumers().Find(tx, consumer));
  return status.has_value() ? CheckpointsOf(*status) : Checkpoints();
}

std::int64_t LastPosition(Transaction& tx) {
  return tx.sql()
      ->exec(absl::StrCat("SELECT coalesce(max(position), 0) FROM ",
                          QuoteTable(tx.schema(), "events")))[0][0]
      .as<std::int64_t>();
}

void Pause(absl::Duration duration) {
  absl::Notification never;
  never.WaitForNotificationWithTimeout(duration);
}

}  // namespace stele::projections_internal
