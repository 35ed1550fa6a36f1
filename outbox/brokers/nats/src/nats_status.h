#ifndef STELE_OUTBOX_BROKERS_NATS_SRC_NATS_STATUS_H_
#define STELE_OUTBOX_BROKERS_NATS_SRC_NATS_STATUS_H_

#include <nats/nats.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stele::nats_internal {

// What a call to libnats returned, as a status: OK for NATS_OK. `doing` says
// what was tried, `url` where; the message says what to do where we know.
absl::Status ToStatus(natsStatus status, std::string_view doing,
                      std::string_view url);

// The same for calls to JetStream, which may carry the server's own code.
absl::Status ToStatus(natsStatus status, jsErrCode code, std::string_view doing,
                      std::string_view url);

// The status of an error code of the JetStream server.
absl::Status FromServerError(int code, std::string_view description,
                             std::string_view doing, std::string_view url);

// The server's answer to a publish: OK if `stream` stored the message, or had
// it already.
absl::Status ParsePublishAck(std::string_view json, std::string_view stream,
                             std::string_view url);

// "nats://user:secret@host" without the secret.
std::string RedactUrl(std::string_view url);

}  // namespace stele::nats_internal

#endif  // STELE_OUTBOX_BROKERS_NATS_SRC_NATS_STATUS_H_
