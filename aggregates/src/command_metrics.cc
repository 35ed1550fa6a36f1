#include "command_metrics.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "stele/base/status.h"

namespace stele {
namespace {

// A decider that puts amounts or names into its reasons must not fill up the
// metrics system: from here on its reasons count as "other".
constexpr std::size_t kReasonsMax = 100;
constexpr std::size_t kReasonBytesMax = 64;

bool IsReason(const std::string& reason) {
  return !reason.empty() && reason.size() <= kReasonBytesMax &&
         std::all_of(reason.begin(), reason.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

const char* OutcomeOf(const absl::StatusOr<Receipt>& receipt) {
  if (receipt.ok()) {
    if (receipt->was_duplicate) return "duplicate";
    return receipt->events > 0 ? "accepted" : "unchanged";
  }
  if (IsRejected(receipt.status())) return "rejected";
  if (IsInDoubt(receipt.status())) return "in_doubt";
  if (absl::IsAborted(receipt.status())) return "conflict";
  if (absl::IsInvalidArgument(receipt.status())) return "invalid";
  return "failed";
}

}  // namespace

CommandMetrics::CommandMetrics(Metrics& metrics, std::string command)
    : metrics_(metrics),
      command_(std::move(command)),
      conflicts_(metrics.GetCounter(
          "stele_command_conflicts_total",
          "Decisions that another writer to the stream was faster than.",
          {{"command", command_}})) {}

void CommandMetrics::Answered(const absl::StatusOr<Receipt>& receipt,
                              absl::Duration took) {
  SecondsOf(OutcomeOf(receipt))
      .Observe(std::max(0.0, absl::ToDoubleSeconds(took)));
  if (IsRejected(receipt.status())) {
    RejectionsFor(RejectionReason(receipt.status())).Add();
  }
}

Histogram& CommandMetrics::SecondsOf(const std::string& outcome) {
  absl::MutexLock lock(&mutex_);
  Histogram*& seconds = seconds_[outcome];
  if (seconds == nullptr) {
    seconds = &metrics_.GetHistogram(
        "stele_command_seconds", "From a command to its answer.",
        {{"command", command_}, {"outcome", outcome}});
  }
  return *seconds;
}

Counter& CommandMetrics::RejectionsFor(const std::string& reason) {
  absl::MutexLock lock(&mutex_);
  const bool is_known = rejections_.count(reason) > 0;
  const bool is_other =
      !is_known && (!IsReason(reason) || rejections_.size() >= kReasonsMax);
  const std::string label = is_other ? "other" : reason;
  Counter*& rejections = rejections_[label];
  if (rejections == nullptr) {
    rejections = &metrics_.GetCounter(
        "stele_command_rejections_total", "Commands that a rule said no to.",
        {{"command", command_}, {"reason", label}});
  }
  return *rejections;
}

}  // namespace stele
