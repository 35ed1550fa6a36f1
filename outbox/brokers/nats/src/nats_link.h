#ifndef STELE_OUTBOX_BROKERS_NATS_SRC_NATS_LINK_H_
#define STELE_OUTBOX_BROKERS_NATS_SRC_NATS_LINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nats_handles.h"
#include "stele/outbox/brokers/nats.h"

namespace stele::nats_internal {

// Milliseconds for libnats: at least 1, for 0 means "no bound" to some calls.
std::int64_t ToMillis(absl::Duration duration);

// One connection with a subscription of its own, on which all answers come.
// Made whole or not at all, and never mended: once anything fails it is thrown
// away and dialled anew, so that nothing in flight is resent behind our back.
//
// Not thread-safe: one thread at a time.
class NatsLink {
 public:
  // Connects, and sees to it that the stream is there as `options` say.
  // `options` must outlive the link.
  static absl::StatusOr<std::unique_ptr<NatsLink>> Dial(
      const NatsOptions& options);

  // Publishes `message`, or plain `data`.
  absl::Status Send(natsMsg* message, std::string_view doing);
  absl::Status Send(const std::string& subject, const std::string& reply,
                    std::string_view data, std::string_view doing);

  // The next message on our inbox; null if none came in time.
  absl::StatusOr<MessageHandle> Receive(absl::Duration wait);

  // A reply subject of our inbox that ends in `.token`.
  std::string ReplySubject(std::string_view token) const;
  // The token of one; empty if `subject` is none of ours.
  std::string_view TokenOf(std::string_view subject) const;

  jsCtx* jetstream() { return jetstream_.get(); }
  std::int64_t max_payload_bytes() const;

 private:
  explicit NatsLink(const NatsOptions& options) : options_(options) {}
  absl::Status Connect();
  absl::Status Listen();
  absl::Status EnsureStream();
  absl::Status AddStream();
  absl::Status FitStream(jsStreamConfig& stream);

  const NatsOptions& options_;
  ConnectionHandle connection_;
  JetStreamHandle jetstream_;
  std::string inbox_;
  SubscriptionHandle subscription_;
};

}  // namespace stele::nats_internal

#endif  // STELE_OUTBOX_BROKERS_NATS_SRC_NATS_LINK_H_
