#ifndef STELE_EVENTSTORE_EVENT_H_
#define STELE_EVENTSTORE_EVENT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/uuid.h"

namespace stele {

// Limits of what the store accepts, the same in every implementation.
inline constexpr std::size_t kMaxPayloadBytes = 1 << 20;    // 1 MiB
inline constexpr std::size_t kMaxMetadataBytes = 64 << 10;  // 64 KiB
inline constexpr std::size_t kMaxStreamIdBytes = 512;
inline constexpr std::size_t kMaxTypeBytes = 256;
inline constexpr std::size_t kMaxEventsPerAppend = 10'000;  // All streams.
inline constexpr std::size_t kMaxAppendBytes = 64 << 20;    // All events.

// What is recorded beside an event's payload.
struct EventMetadata {
  // Shared by everything that one request set off.
  std::string correlation_id = {};
  // The command or message that caused the event.
  std::string causation_id = {};
  Uuid command_id = {};          // The command that was decided; nil if none.
  std::string traceparent = {};  // W3C trace context; empty if none.
  std::map<std::string, std::string> headers = {};  // The user's own.
};

// To and from the bytes the store keeps (stele.StoredMetadata). Bytes that are
// not UTF-8 are kept as U+FFFD. Parsing fails with kDataLoss.
std::string SerializeMetadata(const EventMetadata& metadata);
absl::StatusOr<EventMetadata> ParseMetadata(std::string_view bytes);

// An event about to be appended.
struct NewEvent {
  Uuid id = {};           // Chosen by the caller; makes appends idempotent.
  std::string type = {};  // Stable name, e.g. "bank.Deposited". Never reused.
  std::string payload = {};  // Serialized message, at most kMaxPayloadBytes.
  // From SerializeMetadata(), or empty; other bytes are refused.
  std::string metadata = {};
};

// An event as the store keeps it. Immutable.
struct RecordedEvent {
  std::string stream_id;
  std::int64_t version = 0;   // Place in its stream: 1, 2, 3, ... without gaps.
  std::int64_t position = 0;  // Place among all events: increasing, with gaps.
  absl::Time recorded_at;     // The store's clock, not the caller's.
  Uuid id;
  std::string type;
  std::string payload;
  std::string metadata;
};

// A stream id is "<category>-<id>": the category a letter and then letters,
// digits and underscores, the id at least one byte of any UTF-8 text without
// control characters. These give its parts, views into `stream_id` that are
// valid as long as its text; empty if it has no dash.
std::string_view CategoryOf(std::string_view stream_id);
std::string_view IdOf(std::string_view stream_id);
// Checks nothing: see ValidateStreamId().
std::string MakeStreamId(std::string_view category, std::string_view id);

// OK iff the store accepts the name, or kInvalidArgument that says what is
// wrong with it and how one looks that is right.
absl::Status ValidateStreamId(std::string_view stream_id);
absl::Status ValidateCategory(std::string_view category);
absl::Status ValidateType(std::string_view type);
absl::Status ValidateNewEvent(const NewEvent& event);

}  // namespace stele

#endif  // STELE_EVENTSTORE_EVENT_H_
