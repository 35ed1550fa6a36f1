#ifndef STELE_OUTBOX_BROKERS_NATS_H_
#define STELE_OUTBOX_BROKERS_NATS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/outbox/broker.h"

namespace stele {

// How to reach a NATS server and which JetStream stream to keep there.
struct NatsOptions {
  // One server or several, separated by commas: "nats://localhost:4222",
  // "tls://a.example.com:4222,tls://b.example.com:4222".
  std::string url = "nats://localhost:4222";

  // The JetStream stream that holds all messages, and the first token of their
  // subjects: topic "order" is subject "stele.order". The stream is made if it
  // is not there; services that share a server may share it.
  std::string stream = "STELE";
  std::string subject_prefix = "stele";

  // How long the server remembers message ids: a message that is sent again
  // within this time is stored once. The server keeps the ids in memory.
  absl::Duration duplicates_window = absl::Minutes(2);  // >= 100 ms.

  int replicas = 1;  // Copies in a cluster, 1 to 5. 3 survives one loss.

  // When the server may forget messages: never, unless set. At `max_bytes` the
  // stream takes no more, and the relay waits: nothing unread is dropped.
  // `max_age`: zero = for ever, else >= duplicates_window. `max_bytes`: > 0, or
  // -1 = no bound.
  absl::Duration max_age = absl::ZeroDuration();
  std::int64_t max_bytes = -1;

  // Most messages awaiting acknowledgement, 1 to 10'000.
  int publish_window = 100;
  absl::Duration ack_timeout = absl::Seconds(5);  // Of one message; >= 1 ms.

  // A delivered message that is not settled for so long comes again. Also the
  // time a consumer waits, before it goes on, for what its predecessor left.
  absl::Duration ack_wait = absl::Seconds(10);  // >= 100 ms.
  int unsettled_max = 1000;                     // Of one group and topic; >= 1.

  absl::Duration connect_timeout = absl::Seconds(2);  // >= 1 ms.

  // How to log in; empty = not this way.
  std::string user = {};
  std::string password = {};
  std::string token = {};
  std::string credentials_file = {};  // A .creds file of JWT and seed.
  std::string nkey_public = {};       // With nkey_seed_file.
  std::string nkey_seed_file = {};

  // TLS: used with "tls://" URLs, or when `tls` is set.
  bool tls = false;
  std::string ca_file = {};           // Empty = the system's.
  std::string certificate_file = {};  // With key_file: a client certificate.
  std::string key_file = {};
  std::string expected_hostname = {};  // Empty = the one in the URL.
};

// A broker on NATS JetStream.
//
// What its acknowledgement is worth: the server has written the message to the
// file of the stream, but (2.9) it does so BEFORE any fsync, which follows
// within two minutes. A crash of the server process loses nothing; a power
// failure or a crash of the machine may lose acknowledged messages, unless the
// stream has replicas on other machines. RelayRange() sends them again.
//
// Order per key: a message is sent only after all earlier ones of its topic
// and key have been acknowledged, so that a message lost in the middle holds
// back its successors, however many relays publish. Different keys go out side
// by side, `publish_window` at a time; a single key gets one message per round
// trip. Subject, source and id together travel as Nats-Msg-Id, so what is sent
// again within `duplicates_window` is stored once.
//
// Groups are durable pull consumers with explicit acknowledgement, one a topic,
// named "<group>@<topic>". Order holds within a topic, not across topics.
//
// Errors: kInvalidArgument for options out of bounds. The server need not be
// reachable yet.
absl::StatusOr<std::unique_ptr<Broker>> MakeNatsBroker(NatsOptions options);

}  // namespace stele

#endif  // STELE_OUTBOX_BROKERS_NATS_H_
