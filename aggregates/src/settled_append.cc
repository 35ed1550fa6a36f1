#include "settled_append.h"

#include "absl/strings/str_cat.h"
#include "stele/base/backoff.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

// Whether `status`, the answer to a repeated append, says what became of the
// first one. The version that both name can be taken only once, so a version
// conflict means that somebody else took it: the first append, should it still
// be under way, will be refused as well. A deadlock, or a server that cannot be
// reached, says nothing about the first.
bool Settles(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return true;
    case absl::StatusCode::kAborted:
      return GetVersionConflict(status).has_value();
    default:
      return false;
  }
}

bool IsDoubtful(const absl::Status& status) {
  return absl::IsUnknown(status) || IsInDoubt(status);
}

}  // namespace

absl::StatusOr<AppendResult> AppendUntilSettled(
    EventStore& store, const AppendRequest& request,
    const DispatcherOptions& options, bool& was_in_doubt) {
  absl::StatusOr<AppendResult> result = store.Append(request);
  if (!IsDoubtful(result.status())) return result;
  was_in_doubt = true;
  Backoff backoff(options.in_doubt_backoff);
  for (int retry = 0; retry < options.in_doubt_retries_max; ++retry) {
    Log(LogLevel::kWarning, "append in doubt, asking again",
        {{"stream", request.stream_id},
         {"cause", std::string(result.status().message())}});
    options.wait(backoff.Next());
    result = store.Append(request);
    if (Settles(result.status())) return result;
  }
  return InDoubtError(absl::StrCat(
      "append to stream ", Quoted(request.stream_id),
      " may or may not have happened: ", result.status().message()));
}

}  // namespace stele
