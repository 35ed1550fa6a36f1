#include "stored_message.h"

#include "stele/envelope.pb.h"

namespace stele::outbox_internal {

std::string SerializeMessage(const BrokerMessage& message) {
  StoredBrokerMessage stored;
  stored.set_id(message.id);
  stored.set_topic(message.topic);
  stored.set_key(message.key);
  for (const auto& [name, value] : message.headers) {
    StoredBrokerMessage::Header& header = *stored.add_headers();
    header.set_name(name);
    header.set_value(value);
  }
  stored.set_body(message.body);
  return stored.SerializeAsString();
}

absl::StatusOr<BrokerMessage> ParseMessage(std::string_view bytes) {
  StoredBrokerMessage stored;
  if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return absl::DataLossError("a parked message cannot be read back");
  BrokerMessage message;
  message.id = stored.id();
  message.topic = stored.topic();
  message.key = stored.key();
  for (const StoredBrokerMessage::Header& header : stored.headers())
    message.headers.emplace(header.name(), header.value());
  message.body = stored.body();
  return message;
}

}  // namespace stele::outbox_internal
