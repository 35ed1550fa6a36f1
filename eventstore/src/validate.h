#ifndef STELE_EVENTSTORE_SRC_VALIDATE_H_
#define STELE_EVENTSTORE_SRC_VALIDATE_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// What every store refuses, in the same words: OK, or kInvalidArgument.
absl::Status ValidateAppend(std::span<const AppendRequest> requests);
absl::Status ValidateReadStream(const ReadStreamRequest& request);
absl::Status ValidateReadLog(const ReadLogRequest& request);
// Where a read ends that looks through `positions_max` positions.
std::int64_t EndOfRead(std::int64_t after_position, std::int64_t positions_max);
// kDataLoss if `position` is beyond the last event of the log.
absl::Status ValidateReached(std::int64_t position, std::int64_t last_event);
absl::Status ValidateTombstone(const std::string& stream_id,
                               ExpectedVersion expected_version);
absl::Status ValidateSnapshot(const Snapshot& snapshot);
// What follows for a snapshot from the version that its stream is at; 0 = there
// is no such stream, or it is tombstoned.
absl::Status CheckSnapshot(const Snapshot& snapshot, std::int64_t version);
absl::Status ValidateService(const std::string& service);

// The same for ConsumerStorage. Consumer and owner names are 1 to 256 bytes of
// UTF-8 without control characters, keys at most 1024 bytes.
absl::Status ValidateRegister(const std::string& consumer, int slots,
                              std::int64_t start_position);
absl::Status ValidateAcquire(const std::string& consumer,
                             const ConsumerOwner& owner, absl::Duration lease);
absl::Status ValidateAdvances(std::span<const SlotAdvance> advances);
absl::Status ValidateRequestParked(ParkedState request);
// kFailedPrecondition unless the event to be discarded is the `first` held.
absl::Status CheckDiscard(const std::string& key, std::int64_t position,
                          std::int64_t first);

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_VALIDATE_H_
