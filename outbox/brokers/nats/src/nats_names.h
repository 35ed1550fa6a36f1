#ifndef STELE_OUTBOX_BROKERS_NATS_SRC_NATS_NAMES_H_
#define STELE_OUTBOX_BROKERS_NATS_SRC_NATS_NAMES_H_

#include <string>
#include <string_view>

namespace stele::nats_internal {

// "stele" and "order" to "stele.order", and back.
std::string SubjectOf(std::string_view prefix, std::string_view topic);
std::string TopicOfSubject(std::string_view prefix, std::string_view subject);

// The durable consumer of a group on a topic: names must not have dots.
std::string DurableOf(std::string_view group, std::string_view topic);

// The durable's name in the reply subject of a delivered message,
// "$JS.ACK.<stream>.<consumer>...."; empty if it is no such subject.
std::string_view DurableOfReply(std::string_view reply);

// Header values as the NATS binding of CloudEvents writes them: everything but
// printable ASCII percent-encoded, and so are space, '"' and '%'. Decoding
// leaves alone what is no escape.
std::string EncodeHeader(std::string_view value);
std::string DecodeHeader(std::string_view value);

}  // namespace stele::nats_internal

#endif  // STELE_OUTBOX_BROKERS_NATS_SRC_NATS_NAMES_H_
