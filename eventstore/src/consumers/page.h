#ifndef STELE_EVENTSTORE_SRC_CONSUMERS_PAGE_H_
#define STELE_EVENTSTORE_SRC_CONSUMERS_PAGE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "consumers/slots.h"
#include "stele/eventstore/consumer.h"

namespace stele {

// A stretch of the log and what of it is ours to handle.
struct ConsumerPage {
  std::vector<KeyedEvent> events;
  std::int64_t end = 0;  // Where the next page begins (exclusive).
  bool at_head = false;
};

// Reads on after `position`: at most `events_max` events of the log and
// `scan_positions_max` positions, and no further once the events of `slots`
// hold `batch_bytes_max` of the options.
//
// Errors: those of EventStore::ReadLog(); `key_error` is set to the error of
// the handler if that is what ended the read.
absl::StatusOr<ConsumerPage> ReadConsumerPage(
    EventStore& store, BatchHandler& handler, const ConsumerOptions& options,
    const ConsumerSlots& slots, std::int64_t position, int events_max,
    absl::Status& key_error);

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_CONSUMERS_PAGE_H_
