#include "validate.h"

#include <cstddef>
#include <limits>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

constexpr std::size_t kNameBytesMax = 256;
constexpr std::size_t kFingerprintBytesMax = 256;
constexpr std::size_t kSnapshotBytesMax = 64 << 20;
constexpr int kSlotsMax = 1024;

absl::Status ValidateExpectation(const std::string& stream_id,
                                 ExpectedVersion expected) {
  if (expected.is_valid()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "stream ", Quoted(stream_id), " was expected at a negative version"));
}

absl::Status ValidateEvents(const AppendRequest& request) {
  if (request.events.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "append to stream ", Quoted(request.stream_id), " has no events"));
  }
  absl::flat_hash_set<Uuid> ids;
  for (const NewEvent& event : request.events) {
    STELE_RETURN_IF_ERROR(ValidateNewEvent(event));
    if (!ids.insert(event.id).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("append to stream ", Quoted(request.stream_id),
                       " has event id ", event.id.ToString(), " twice"));
    }
  }
  return absl::OkStatus();
}

std::size_t BytesOf(const AppendRequest& request) {
  std::size_t bytes = 0;
  for (const NewEvent& event : request.events) {
    bytes += event.type.size() + event.payload.size() + event.metadata.size();
  }
  return bytes;
}

absl::Status ValidateRequest(const AppendRequest& request) {
  STELE_RETURN_IF_ERROR(ValidateStreamId(request.stream_id));
  STELE_RETURN_IF_ERROR(
      ValidateExpectation(request.stream_id, request.expected_version));
  if (request.command_id.has_value() && request.command_id->is_nil()) {
    return absl::InvalidArgumentError(
        absl::StrCat("append to stream ", Quoted(request.stream_id),
                     " has the nil UUID as its command id"));
  }
  return ValidateEvents(request);
}

absl::Status ValidateName(const char* what, std::string_view name) {
  const bool has_control = name.find_first_of(std::string_view(
                               "\0\t\r\n", 4)) != std::string_view::npos;
  if (!name.empty() && name.size() <= kNameBytesMax && IsValidUtf8(name) &&
      !has_control) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, " ", Quoted(name), " is not 1 to 256 bytes of UTF-8 on one line"));
}

}  // namespace

absl::Status ValidateAppend(std::span<const AppendRequest> requests) {
  if (requests.empty()) {
    return absl::InvalidArgumentError("append names no stream");
  }
  absl::flat_hash_set<std::string_view> streams;
  std::size_t events = 0;
  std::size_t bytes = 0;
  for (const AppendRequest& request : requests) {
    if (!streams.insert(request.stream_id).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "append names stream ", Quoted(request.stream_id), " twice"));
    }
    events += request.events.size();
    bytes += BytesOf(request);
  }
  if (events > kMaxEventsPerAppend) {
    return absl::InvalidArgumentError(
        absl::StrCat("append has ", events, " events; at most ",
                     kMaxEventsPerAppend, " are accepted"));
  }
  if (bytes > kMaxAppendBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("append has ", bytes, " bytes; at most ", kMaxAppendBytes,
                     " are accepted"));
  }
  for (const AppendRequest& request : requests) {
    STELE_RETURN_IF_ERROR(ValidateRequest(request));
  }
  return absl::OkStatus();
}

absl::Status ValidateReadStream(const ReadStreamRequest& request) {
  STELE_RETURN_IF_ERROR(ValidateStreamId(request.stream_id));
  if (request.limit < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("read of stream ", Quoted(request.stream_id),
                     " has limit ", request.limit, ", which is negative"));
  }
  if (request.from_version.has_value() && *request.from_version < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "read of stream ", Quoted(request.stream_id), " begins at version ",
        *request.from_version, ", which is negative"));
  }
  return absl::OkStatus();
}

std::int64_t EndOfRead(std::int64_t after_position,
                       std::int64_t positions_max) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  return positions_max > kLast - after_position
             ? kLast
             : after_position + positions_max;
}

absl::Status ValidateReached(std::int64_t position, std::int64_t last_event) {
  if (position <= last_event) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "read of the log begins after position ", position,
      ", but its last event is at ", last_event,
      ": the position is of another log, or the store was restored and lost "
      "its tail; see \"After a restore\" in docs/operating/failures.md"));
}

absl::Status ValidateReadLog(const ReadLogRequest& request) {
  if (request.after_position < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("read of the log begins after position ",
                     request.after_position, ", which is negative"));
  }
  if (request.limit <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "read of the log has limit ", request.limit, ", which is below 1"));
  }
  if (request.positions_max <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("read of the log has positions_max ",
                     request.positions_max, ", which is below 1"));
  }
  for (const std::string& category : request.categories) {
    STELE_RETURN_IF_ERROR(ValidateCategory(category));
  }
  for (const std::string& type : request.types) {
    STELE_RETURN_IF_ERROR(ValidateType(type));
  }
  return absl::OkStatus();
}

absl::Status ValidateTombstone(const std::string& stream_id,
                               ExpectedVersion expected_version) {
  STELE_RETURN_IF_ERROR(ValidateStreamId(stream_id));
  return ValidateExpectation(stream_id, expected_version);
}

absl::Status ValidateSnapshot(const Snapshot& snapshot) {
  STELE_RETURN_IF_ERROR(ValidateStreamId(snapshot.stream_id));
  if (snapshot.version <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("snapshot of stream ", Quoted(snapshot.stream_id),
                     " has version ", snapshot.version, ", which is below 1"));
  }
  if (snapshot.fingerprint.size() > kFingerprintBytesMax ||
      !IsValidUtf8(snapshot.fingerprint) ||
      snapshot.fingerprint.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "snapshot of stream ", Quoted(snapshot.stream_id),
        " has a fingerprint that is not at most 256 bytes of UTF-8"));
  }
  if (snapshot.state.size() > kSnapshotBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("snapshot of stream ", Quoted(snapshot.stream_id), " has ",
                     snapshot.state.size(), " bytes; at most ",
                     kSnapshotBytesMax, " are accepted"));
  }
  return absl::OkStatus();
}

absl::Status CheckSnapshot(const Snapshot& snapshot, std::int64_t version) {
  if (version == 0) {
    return absl::NotFoundError(absl::StrCat("there is no stream ",
                                            Quoted(snapshot.stream_id),
                                            " to keep a snapshot of"));
  }
  if (snapshot.version <= version) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "snapshot of stream ", Quoted(snapshot.stream_id), " is of version ",
      snapshot.version, ", and the stream is only at version ", version));
}

absl::Status ValidateService(const std::string& service) {
  return ValidateName("service name", service);
}

absl::Status ValidateRegister(const std::string& consumer, int slots,
                              std::int64_t start_position) {
  STELE_RETURN_IF_ERROR(ValidateName("consumer name", consumer));
  if (slots < 1 || slots > kSlotsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("consumer ", Quoted(consumer), " has ", slots,
                     " slots; 1 to ", kSlotsMax, " are accepted"));
  }
  if (start_position < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("consumer ", Quoted(consumer), " starts at position ",
                     start_position, ", which is negative"));
  }
  return absl::OkStatus();
}

absl::Status ValidateAcquire(const std::string& consumer,
                             const ConsumerOwner& owner, absl::Duration lease) {
  STELE_RETURN_IF_ERROR(ValidateName("consumer name", consumer));
  STELE_RETURN_IF_ERROR(ValidateName("owner name", owner.name));
  for (const std::string& type : owner.types) {
    STELE_RETURN_IF_ERROR(ValidateName("event type", type));
  }
  if (lease <= absl::ZeroDuration() || lease > absl::Hours(24)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "lease of consumer ", Quoted(consumer), " is ",
        absl::FormatDuration(lease), "; it must be above 0 and at most a day"));
  }
  return absl::OkStatus();
}

absl::Status ValidateAdvances(std::span<const SlotAdvance> advances) {
  absl::flat_hash_set<int> slots;
  for (const SlotAdvance& advance : advances) {
    if (advance.position < advance.lease.position) {
      return absl::InvalidArgumentError(absl::StrCat(
          "slot ", advance.lease.slot, " was to move back from position ",
          advance.lease.position, " to ", advance.position));
    }
    if (!slots.insert(advance.lease.slot).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "slot ", advance.lease.slot, " was to be moved twice at once"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateRequestParked(ParkedState request) {
  if (request != ParkedState::kDiscardOne) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "to discard one event takes its position: use RequestDiscard()");
}

absl::Status CheckDiscard(const std::string& key, std::int64_t position,
                          std::int64_t first) {
  if (position == first) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the first event held for key ", Quoted(key), " is at position ", first,
      ", not ", position, ": nothing is discarded"));
}

}  // namespace stele
