#ifndef STELE_OUTBOX_CLOUD_EVENT_H_
#define STELE_OUTBOX_CLOUD_EVENT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/eventstore/event.h"
#include "stele/outbox/broker.h"

namespace stele {

// How an event travels: as a CloudEvent 1.0 (https://cloudevents.io) in binary
// mode. Headers:
//
//   ce-specversion     "1.0"
//   ce-id              the event's id
//   ce-source          the service that relays it
//   ce-type            the event's type
//   ce-subject         its stream id
//   ce-time            when it was recorded, RFC 3339
//   content-type       "application/protobuf"
//   ce-partitionkey    its stream id (the partitioning extension)
//   ce-traceparent     W3C trace context, a child of the event's (the
//                      distributed tracing extension); also "traceparent"
//   ce-correlationid   as recorded; absent if empty
//   ce-causationid     as recorded; absent if empty
//   ce-position        place in the log of its source
//   ce-version         place in its stream
//   stele-<name>       the user's own metadata header <name>, for names of
//                      letters, digits, '_' and '-'
//
// Errors:
//   kDataLoss  the event's metadata cannot be read.
absl::StatusOr<BrokerMessage> ToBrokerMessage(const RecordedEvent& event,
                                              std::string_view topic,
                                              std::string_view source);

// A received message, understood.
struct InboundMessage {
  std::string id;      // Never empty.
  std::string source;  // Never empty.
  std::string type;    // Never empty.
  std::string topic;
  std::string stream_id;      // ce-subject; may be empty.
  std::string key;            // ce-partitionkey, or ce-subject; may be empty.
  std::int64_t version = 0;   // Of its stream; 0 = not said.
  std::int64_t position = 0;  // In its source's log; 0 = not said.
  absl::Time recorded_at;     // InfinitePast() = not said.
  std::string correlation_id;
  std::string causation_id;
  std::string traceparent;                     // Empty or valid.
  std::map<std::string, std::string> headers;  // The user's own.
  std::string body;

  // What tells it from all other messages: source and id together, since
  // CloudEvents asks for no more. At most 200 bytes; a UUID counts as the same
  // in upper and lower case.
  std::string DedupId() const;
};

// Errors:
//   kInvalidArgument  an attribute is missing, malformed or not UTF-8, or the
//                     body is larger than `body_bytes_max`.
absl::StatusOr<InboundMessage> ParseCloudEvent(
    const BrokerMessage& message,
    std::size_t body_bytes_max = kMaxPayloadBytes);

}  // namespace stele

#endif  // STELE_OUTBOX_CLOUD_EVENT_H_
