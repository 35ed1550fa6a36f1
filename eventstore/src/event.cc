#include "stele/eventstore/event.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/envelope.pb.h"

namespace stele {
namespace {

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsWordCharacter(char c) {
  return IsLetter(c) || (c >= '0' && c <= '9') || c == '_';
}

bool IsCategory(std::string_view text) {
  return !text.empty() && IsLetter(text.front()) &&
         std::all_of(text.begin(), text.end(), IsWordCharacter);
}

// ASCII's and, two bytes in UTF-8, the C1 set.
bool HasControlCharacter(std::string_view text) {
  unsigned char before = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (before == 0xC2 && byte < 0xA0) return true;
    before = byte;
  }
  return false;
}

absl::Status BadStreamId(std::string_view stream_id, const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat("stream id ", Quoted(stream_id), " ", what,
                   "; a right one is \"account-ada\""));
}

absl::Status BadType(std::string_view type, const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat("event type ", Quoted(type), " ", what,
                   "; a right one is \"bank.Deposited\""));
}

absl::Status TooLarge(const NewEvent& event, const char* part,
                      std::size_t bytes, std::size_t most) {
  return absl::InvalidArgumentError(absl::StrCat(
      part, " of event ", event.id.ToString(), " of type ", Quoted(event.type),
      " has ", bytes, " bytes; at most ", most, " are accepted"));
}

// What is wrong with the bytes, if they are not metadata.
std::optional<std::string> ProblemOfMetadata(std::string_view bytes,
                                             StoredMetadata& proto) {
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return "cannot be parsed";
  }
  const std::size_t id_bytes = proto.command_id().size();
  if (id_bytes == 0 || id_bytes == sizeof(Uuid::Bytes)) return {};
  return absl::StrCat("holds a command id of ", id_bytes,
                      " bytes instead of 16");
}

}  // namespace

std::string SerializeMetadata(const EventMetadata& metadata) {
  StoredMetadata proto;
  proto.set_correlation_id(ToValidUtf8(metadata.correlation_id));
  proto.set_causation_id(ToValidUtf8(metadata.causation_id));
  if (!metadata.command_id.is_nil()) {
    proto.set_command_id(std::string(metadata.command_id.AsBytes()));
  }
  proto.set_traceparent(ToValidUtf8(metadata.traceparent));
  for (const auto& [name, value] : metadata.headers) {
    (*proto.mutable_headers())[ToValidUtf8(name)] = ToValidUtf8(value);
  }
  return proto.SerializeAsString();
}

absl::StatusOr<EventMetadata> ParseMetadata(std::string_view bytes) {
  StoredMetadata proto;
  if (const auto problem = ProblemOfMetadata(bytes, proto)) {
    return absl::DataLossError(absl::StrCat("event metadata ", *problem));
  }
  EventMetadata metadata;
  metadata.correlation_id = proto.correlation_id();
  metadata.causation_id = proto.causation_id();
  metadata.traceparent = proto.traceparent();
  metadata.command_id = Uuid::FromBytes(proto.command_id()).value_or(Uuid());
  metadata.headers.insert(proto.headers().begin(), proto.headers().end());
  return metadata;
}

std::string_view CategoryOf(std::string_view stream_id) {
  const std::size_t dash = stream_id.find('-');
  if (dash == std::string_view::npos) return {};
  return stream_id.substr(0, dash);
}

std::string_view IdOf(std::string_view stream_id) {
  const std::size_t dash = stream_id.find('-');
  if (dash == std::string_view::npos) return {};
  return stream_id.substr(dash + 1);
}

std::string MakeStreamId(std::string_view category, std::string_view id) {
  return absl::StrCat(ToAbsl(category), "-", ToAbsl(id));
}

absl::Status ValidateStreamId(std::string_view stream_id) {
  if (stream_id.empty()) return BadStreamId(stream_id, "is empty");
  if (stream_id.size() > kMaxStreamIdBytes) {
    return BadStreamId(stream_id, "is longer than 512 bytes");
  }
  if (!IsValidUtf8(stream_id)) {
    return BadStreamId(stream_id, "is not well-formed UTF-8");
  }
  if (HasControlCharacter(stream_id)) {
    return BadStreamId(stream_id, "has control characters");
  }
  if (stream_id.find('-') == std::string_view::npos) {
    return BadStreamId(stream_id, "has no dash after its category");
  }
  if (!IsCategory(CategoryOf(stream_id))) {
    return BadStreamId(stream_id,
                       "has a category that is not a letter and then letters, "
                       "digits and underscores");
  }
  if (IdOf(stream_id).empty()) {
    return BadStreamId(stream_id, "has nothing after its category");
  }
  return absl::OkStatus();
}

absl::Status ValidateCategory(std::string_view category) {
  if (category.size() <= kMaxStreamIdBytes && IsCategory(category)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("stream category ", Quoted(category),
                   " is not a letter and then letters, digits and "
                   "underscores; a right one is \"account\""));
}

absl::Status ValidateType(std::string_view type) {
  if (type.empty()) return BadType(type, "is empty");
  if (type.size() > kMaxTypeBytes) {
    return BadType(type, "is longer than 256 bytes");
  }
  if (!IsValidUtf8(type)) return BadType(type, "is not well-formed UTF-8");
  if (HasControlCharacter(type)) return BadType(type, "has control characters");
  return absl::OkStatus();
}

absl::Status ValidateNewEvent(const NewEvent& event) {
  STELE_RETURN_IF_ERROR(ValidateType(event.type));
  if (event.id.is_nil()) {
    return absl::InvalidArgumentError(
        absl::StrCat("event of type ", Quoted(event.type), " has no id"));
  }
  if (event.payload.size() > kMaxPayloadBytes) {
    return TooLarge(event, "payload", event.payload.size(), kMaxPayloadBytes);
  }
  if (event.metadata.size() > kMaxMetadataBytes) {
    return TooLarge(event, "metadata", event.metadata.size(),
                    kMaxMetadataBytes);
  }
  StoredMetadata metadata;
  if (const auto problem = ProblemOfMetadata(event.metadata, metadata)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "metadata of event ", event.id.ToString(), " of type ",
        Quoted(event.type), " ", *problem, "; use SerializeMetadata()"));
  }
  return absl::OkStatus();
}

}  // namespace stele
