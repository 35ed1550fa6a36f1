#include "stele/outbox/cloud_event.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "digest.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/base/trace.h"
#include "stele/base/uuid.h"

namespace stele {
namespace {

constexpr std::string_view kUserPrefix = "stele-";
// Any attribute of ours is shorter; a longer one is an attack on the tables.
constexpr std::size_t kMaxAttributeBytes = 1024;

bool IsHeaderName(std::string_view name) {
  return !name.empty() && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-';
         });
}

std::string RfcTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

absl::Status Malformed(std::string_view attribute, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "CloudEvents attribute ", ToAbsl(attribute), " ", ToAbsl(why)));
}

// Reads headers, remembering the first thing that is wrong.
class AttributeReader {
 public:
  explicit AttributeReader(const BrokerMessage& message) : message_(message) {}

  std::string Optional(const std::string& name) {
    const auto found = message_.headers.find(name);
    if (found == message_.headers.end()) return "";
    const std::string& value = found->second;
    if (value.size() > kMaxAttributeBytes)
      Fail(Malformed(name, "is longer than 1024 bytes"));
    else if (!IsValidUtf8(value))
      Fail(Malformed(name, "is not UTF-8"));
    else if (HasControl(value))
      Fail(Malformed(name, "has control characters"));
    return value;
  }

  std::string Required(const std::string& name) {
    std::string value = Optional(name);
    if (value.empty()) Fail(Malformed(name, "is missing"));
    return value;
  }

  std::int64_t Number(const std::string& name) {
    const std::string value = Optional(name);
    std::int64_t number = 0;
    if (!value.empty() && (!absl::SimpleAtoi(value, &number) || number < 0))
      Fail(Malformed(name, absl::StrCat("is no count: ", Quoted(value))));
    return number;
  }

  absl::Time Time(const std::string& name) {
    const std::string value = Optional(name);
    absl::Time time = absl::InfinitePast();
    std::string error;
    if (!value.empty() &&
        !absl::ParseTime(absl::RFC3339_full, value, &time, &error))
      Fail(Malformed(name,
                     absl::StrCat("is no RFC 3339 time: ", Quoted(value))));
    return time;
  }

  void Fail(absl::Status status) { first_error_.Update(status); }
  const absl::Status& first_error() const { return first_error_; }

 private:
  const BrokerMessage& message_;
  absl::Status first_error_;
};

std::map<std::string, std::string> UserHeaders(const BrokerMessage& message) {
  std::map<std::string, std::string> user;
  for (const auto& [name, value] : message.headers) {
    if (name.starts_with(kUserPrefix) && IsValidUtf8(value))
      user.emplace(name.substr(kUserPrefix.size()), value);
  }
  return user;
}

std::string Traceparent(AttributeReader& attributes) {
  std::string traceparent = attributes.Optional("ce-traceparent");
  if (traceparent.empty()) traceparent = attributes.Optional("traceparent");
  // A broken trace is no reason to refuse the message.
  return IsValidTraceparent(traceparent) ? traceparent : "";
}

}  // namespace

absl::StatusOr<BrokerMessage> ToBrokerMessage(const RecordedEvent& event,
                                              std::string_view topic,
                                              std::string_view source) {
  STELE_ASSIGN_OR_RETURN(const EventMetadata metadata,
                         ParseMetadata(event.metadata));
  BrokerMessage message;
  message.id = event.id.ToString();
  message.topic = topic;
  message.key = event.stream_id;
  message.body = event.payload;
  message.position = event.position;

  const std::string traceparent = ChildTraceparent(metadata.traceparent);
  message.headers = {{"ce-specversion", "1.0"},
                     {"ce-id", message.id},
                     {"ce-source", std::string(source)},
                     {"ce-type", event.type},
                     {"ce-subject", event.stream_id},
                     {"ce-time", RfcTime(event.recorded_at)},
                     {"content-type", "application/protobuf"},
                     {"ce-partitionkey", event.stream_id},
                     {"ce-traceparent", traceparent},
                     {"traceparent", traceparent},
                     {"ce-position", absl::StrCat(event.position)},
                     {"ce-version", absl::StrCat(event.version)}};
  if (!metadata.correlation_id.empty())
    message.headers["ce-correlationid"] = metadata.correlation_id;
  if (!metadata.causation_id.empty())
    message.headers["ce-causationid"] = metadata.causation_id;
  for (const auto& [name, value] : metadata.headers) {
    if (IsHeaderName(name))
      message.headers[absl::StrCat(ToAbsl(kUserPrefix), name)] = value;
  }
  return message;
}

std::string InboundMessage::DedupId() const {
  const auto uuid = Uuid::Parse(id);
  return outbox_internal::JoinSourceAndId(
      source, uuid.has_value() ? uuid->ToString() : id);
}

absl::StatusOr<InboundMessage> ParseCloudEvent(const BrokerMessage& message,
                                               std::size_t body_bytes_max) {
  AttributeReader attributes(message);
  const std::string spec = attributes.Required("ce-specversion");
  if (!spec.empty() && spec != "1.0")
    attributes.Fail(Malformed(
        "ce-specversion", absl::StrCat("is ", Quoted(spec), ", not \"1.0\"")));
  InboundMessage inbound;
  inbound.id = attributes.Required("ce-id");
  inbound.type = attributes.Required("ce-type");
  inbound.source = attributes.Required("ce-source");
  inbound.stream_id = attributes.Optional("ce-subject");
  inbound.key = attributes.Optional("ce-partitionkey");
  if (inbound.key.empty()) inbound.key = inbound.stream_id;
  inbound.version = attributes.Number("ce-version");
  inbound.position = attributes.Number("ce-position");
  inbound.recorded_at = attributes.Time("ce-time");
  inbound.correlation_id = attributes.Optional("ce-correlationid");
  inbound.causation_id = attributes.Optional("ce-causationid");
  inbound.traceparent = Traceparent(attributes);
  if (message.body.size() > body_bytes_max)
    attributes.Fail(absl::InvalidArgumentError(
        absl::StrCat("the body is ", message.body.size(), " bytes, more than ",
                     body_bytes_max)));
  STELE_RETURN_IF_ERROR(attributes.first_error());
  inbound.topic = message.topic;
  inbound.headers = UserHeaders(message);
  inbound.body = message.body;
  return inbound;
}

}  // namespace stele
