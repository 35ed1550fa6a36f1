#include "worker.h"

#include "absl/strings/str_cat.h"
#include "stele/base/clock.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

std::string Brief(const absl::Status& status) {
  return status.ok() ? "" : ToValidUtf8(status.ToString());
}

}  // namespace

boost::json::object ToJson(const ConsumerActivity& snapshot) {
  return {{"is_running", snapshot.is_running},
          {"position", snapshot.position},
          {"head", snapshot.head},
          {"is_stuck", snapshot.is_stuck},
          {"why_it_yields", ToValidUtf8(snapshot.why_it_yields)},
          {"slots_held", snapshot.slots_held},
          {"events_handled", snapshot.events_handled},
          {"parked_keys", snapshot.parked_keys},
          {"last_error", Brief(snapshot.last_error)}};
}

boost::json::object ToJson(const InboxActivity& snapshot) {
  return {{"is_running", snapshot.is_running},
          {"is_leader", snapshot.is_leader},
          {"is_circuit_open", snapshot.is_circuit_open},
          {"is_stuck", snapshot.is_stuck},
          {"handled", snapshot.handled},
          {"duplicates", snapshot.duplicates},
          {"unhandled", snapshot.unhandled},
          {"parked_keys", snapshot.parked_keys},
          {"last_error", Brief(snapshot.last_error)}};
}

// A consumer without slots stands by; one that is behind and moves is at work.
std::optional<std::string> WhyNotReady(const ConsumerActivity& snapshot,
                                       absl::Duration stall_allowed) {
  if (!snapshot.is_running) return "is not running";
  const absl::Duration still = SystemClock().Now() - snapshot.last_progress;
  if (still <= stall_allowed) return std::nullopt;
  const bool is_behind =
      snapshot.slots_held > 0 && snapshot.position < snapshot.head;
  if (!is_behind && snapshot.last_error.ok()) return std::nullopt;
  return absl::StrCat(
      "has been at ", snapshot.position, " of ", snapshot.head, " for ",
      absl::FormatDuration(absl::Trunc(still, absl::Seconds(1))),
      snapshot.last_error.ok() ? "" : ": ", Brief(snapshot.last_error));
}

std::optional<std::string> WhyNotReady(const InboxActivity& snapshot,
                                       absl::Duration) {
  if (!snapshot.is_running) return "is not running";
  if (snapshot.is_stuck) return std::string(snapshot.last_error.message());
  if (!snapshot.is_circuit_open) return std::nullopt;
  return absl::StrCat("cannot reach broker or database: ",
                      Brief(snapshot.last_error));
}

}  // namespace stele
