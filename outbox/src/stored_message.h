#ifndef STELE_OUTBOX_SRC_STORED_MESSAGE_H_
#define STELE_OUTBOX_SRC_STORED_MESSAGE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stele/outbox/broker.h"

namespace stele::outbox_internal {

// To and from the bytes of stele.StoredBrokerMessage. Parsing fails with
// kDataLoss.
std::string SerializeMessage(const BrokerMessage& message);
absl::StatusOr<BrokerMessage> ParseMessage(std::string_view bytes);

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_STORED_MESSAGE_H_
