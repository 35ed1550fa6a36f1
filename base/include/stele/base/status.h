#ifndef STELE_BASE_STATUS_H_
#define STELE_BASE_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stele {

// Errors are values: absl::Status with one of the codes below, and where a
// program must branch on the detail, a payload that these functions write and
// read. Messages are for people; nobody parses them.
//
//   kFailedPrecondition + rejection    a business rule said no
//   kFailedPrecondition alone          not as things stand: a missing or newer
//                                      schema, a closed stream, a paused
//                                      consumer; what to do is in the message
//   kAborted + version conflict        the stream moved on since it was read
//   kAborted alone                     others were in the way: a lost lease, a
//                                      rolled back transaction; nothing was
//                                      written
//   kUnknown + in doubt                the commit may or may not have happened:
//                                      ask again with the same ids
//   kUnavailable                       database or broker out of reach or room
//   kDeadlineExceeded                  too slow
//   kInvalidArgument                   the caller's mistake
//   kNotFound                          no such stream or row
//   kAlreadyExists                     two of one name, or a unique key of the
//                                      user's own SQL
//   kPermissionDenied                  the database role lacks a right
//   kDataLoss                          stored bytes cannot be read
//   kInternal + handler threw          the user's code threw an exception
//   kInternal alone                    an error of the server that none of
//                                      these fits, or a mistake in Stele
//   kResourceExhausted                 too much at once for this process
//   kCancelled                         shutting down

// A rule said no. `reason` is a stable snake_case word for programs, `message`
// a sentence for people (the reason again when empty).
absl::Status RejectedError(std::string_view reason,
                           std::string_view message = "");

// True iff `status` is a rejection.
bool IsRejected(const absl::Status& status);

// The reason of a rejection; empty when `status` is not one.
std::string RejectionReason(const absl::Status& status);

// What a writer expected of a stream, and what was there.
struct VersionConflict {
  std::string stream_id = {};
  std::string expected = {};  // "exactly 3", "no stream", "an existing stream"
  std::int64_t actual = 0;    // 0 = no stream.
};

absl::Status VersionConflictError(const VersionConflict& conflict);
std::optional<VersionConflict> GetVersionConflict(const absl::Status& status);

// The connection broke during a commit: the outcome is not known.
absl::Status InDoubtError(std::string_view message);
bool IsInDoubt(const absl::Status& status);

// True for errors that another try with the same ids may not meet:
// kUnavailable, kAborted, kDeadlineExceeded, kUnknown and kResourceExhausted.
// Says nothing about whose fault it was: whoever tries again bounds how often.
bool IsTransient(const absl::Status& status);

// `handler` threw; `what` is what it said.
absl::Status HandlerThrewError(std::string_view handler, std::string_view what);
bool IsHandlerThrew(const absl::Status& status);

// `status` with "`context`: " before its message; code and payloads are kept.
absl::Status Annotate(const absl::Status& status, std::string_view context);

namespace status_internal {
inline const absl::Status& ToStatus(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& ToStatus(const absl::StatusOr<T>& result) {
  return result.status();
}
}  // namespace status_internal

}  // namespace stele

// Returns from the current function if `expr`, a Status or StatusOr, is not OK.
// Numbered by __COUNTER__, so that one may stand in a lambda within another.
// Not for headers: a template or inline function would differ from source to
// source.
#define STELE_RETURN_IF_ERROR(expr) \
  STELE_STATUS_RETURN_IMPL_(        \
      return, STELE_STATUS_CONCAT_(stele_r_, __COUNTER__), expr)

// Assigns the value of the StatusOr `expr` to `lhs`, or returns its error.
#define STELE_ASSIGN_OR_RETURN(lhs, expr) \
  STELE_STATUS_ASSIGN_IMPL_(              \
      return, STELE_STATUS_CONCAT_(stele_or_, __COUNTER__), lhs, expr)

// The same in a coroutine.
#define STELE_CO_RETURN_IF_ERROR(expr) \
  STELE_STATUS_RETURN_IMPL_(co_return, \
                            STELE_STATUS_CONCAT_(stele_r_, __COUNTER__), expr)
#define STELE_CO_ASSIGN_OR_RETURN(lhs, expr) \
  STELE_STATUS_ASSIGN_IMPL_(                 \
      co_return, STELE_STATUS_CONCAT_(stele_or_, __COUNTER__), lhs, expr)

#define STELE_STATUS_RETURN_IMPL_(leave, tmp, expr)  \
  do {                                               \
    if (const auto& tmp = (expr); !tmp.ok())         \
      leave ::stele::status_internal::ToStatus(tmp); \
  } while (false)
#define STELE_STATUS_ASSIGN_IMPL_(leave, tmp, lhs, expr) \
  auto tmp = (expr);                                     \
  if (!tmp.ok()) leave tmp.status();                     \
  lhs = std::move(tmp).value()
#define STELE_STATUS_CONCAT_(a, b) STELE_STATUS_CONCAT2_(a, b)
#define STELE_STATUS_CONCAT2_(a, b) a##b

#endif  // STELE_BASE_STATUS_H_
