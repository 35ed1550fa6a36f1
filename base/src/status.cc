#include "stele/base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

constexpr char kRejection[] = "stele.rejection";
constexpr char kVersionConflict[] = "stele.version_conflict";
constexpr char kInDoubt[] = "stele.in_doubt";
constexpr char kHandlerThrew[] = "stele.handler_threw";

std::optional<std::string> Payload(const absl::Status& status,
                                   const char* name) {
  const absl::optional<absl::Cord> payload = status.GetPayload(name);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

// Two lines and the rest: only a stream id may itself hold line breaks.
std::string Pack(const VersionConflict& conflict) {
  return absl::StrCat(conflict.actual, "\n", conflict.expected, "\n",
                      conflict.stream_id);
}

std::optional<VersionConflict> Unpack(const std::string& packed) {
  const std::size_t first = packed.find('\n');
  if (first == std::string::npos) return std::nullopt;
  const std::size_t second = packed.find('\n', first + 1);
  if (second == std::string::npos) return std::nullopt;
  VersionConflict conflict;
  if (!absl::SimpleAtoi(packed.substr(0, first), &conflict.actual)) {
    return std::nullopt;
  }
  conflict.expected = packed.substr(first + 1, second - first - 1);
  conflict.stream_id = packed.substr(second + 1);
  return conflict;
}

}  // namespace

absl::Status RejectedError(std::string_view reason, std::string_view message) {
  absl::Status status =
      absl::FailedPreconditionError(ToAbsl(message.empty() ? reason : message));
  status.SetPayload(kRejection, absl::Cord(ToAbsl(reason)));
  return status;
}

bool IsRejected(const absl::Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition &&
         Payload(status, kRejection).has_value();
}

std::string RejectionReason(const absl::Status& status) {
  if (!IsRejected(status)) return "";
  return *Payload(status, kRejection);
}

absl::Status VersionConflictError(const VersionConflict& conflict) {
  absl::Status status = absl::AbortedError(
      absl::StrCat("stream ", Quoted(conflict.stream_id), " is at version ",
                   conflict.actual, "; expected ", conflict.expected));
  status.SetPayload(kVersionConflict, absl::Cord(Pack(conflict)));
  return status;
}

std::optional<VersionConflict> GetVersionConflict(const absl::Status& status) {
  const std::optional<std::string> packed = Payload(status, kVersionConflict);
  if (!packed.has_value()) return std::nullopt;
  return Unpack(*packed);
}

absl::Status InDoubtError(std::string_view message) {
  absl::Status status = absl::UnknownError(ToAbsl(message));
  status.SetPayload(kInDoubt, absl::Cord());
  return status;
}

bool IsInDoubt(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnknown &&
         Payload(status, kInDoubt).has_value();
}

absl::Status HandlerThrewError(std::string_view handler,
                               std::string_view what) {
  absl::Status status = absl::InternalError(
      absl::StrCat(ToAbsl(handler), " threw: ", ToAbsl(what)));
  status.SetPayload(kHandlerThrew, absl::Cord(ToAbsl(handler)));
  return status;
}

bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

bool IsHandlerThrew(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInternal &&
         Payload(status, kHandlerThrew).has_value();
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(),
                         absl::StrCat(ToAbsl(context), ": ", status.message()));
  status.ForEachPayload(
      [&annotated](absl::string_view name, const absl::Cord& payload) {
        annotated.SetPayload(name, payload);
      });
  return annotated;
}

}  // namespace stele
