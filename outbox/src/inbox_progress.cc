#include "inbox_progress.h"

#include <utility>

#include "stele/base/check.h"
#include "stele/base/log.h"

namespace stele::outbox_internal {
namespace {

MetricLabels Labels(const std::string& inbox) { return {{"inbox", inbox}}; }

}  // namespace

InboxProgress::InboxProgress(Metrics& metrics, std::string inbox)
    : inbox_(std::move(inbox)),
      handled_(metrics.GetCounter("stele_inbox_handled_total",
                                  "Messages handled.", Labels(inbox_))),
      duplicates_(metrics.GetCounter("stele_inbox_duplicates_total",
                                     "Messages that came again and were not "
                                     "run.",
                                     Labels(inbox_))),
      unhandled_(metrics.GetCounter("stele_inbox_unhandled_total",
                                    "Messages of types nobody asked for.",
                                    Labels(inbox_))),
      set_aside_(metrics.GetCounter("stele_inbox_parked_total",
                                    "Messages parked, or held behind one.",
                                    Labels(inbox_))),
      failures_(metrics.GetCounter("stele_inbox_failures_total",
                                   "Tries that failed.", Labels(inbox_))),
      handle_seconds_(metrics.GetHistogram(
          "stele_inbox_handle_seconds",
          "One message, from its first try to its end.", Labels(inbox_))),
      parked_keys_(metrics.GetGauge("stele_inbox_parked_keys",
                                    "Keys with parked messages.",
                                    Labels(inbox_))),
      circuit_open_(metrics.GetGauge("stele_inbox_circuit_open",
                                     "1 while broker or database is away, "
                                     "otherwise 0.",
                                     Labels(inbox_))),
      stuck_(metrics.GetGauge("stele_inbox_stuck",
                              "1 while a handler hangs and the lease is not "
                              "renewed, otherwise 0.",
                              Labels(inbox_))) {}

InboxActivity InboxProgress::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  return snapshot_;
}

void InboxProgress::SetRunning(bool is_running) {
  absl::MutexLock lock(&mutex_);
  STELE_CHECK(!is_running || !snapshot_.is_running);
  snapshot_.is_running = is_running;
  if (!is_running) snapshot_.is_leader = false;
}

void InboxProgress::SetLeader(bool is_leader) {
  absl::MutexLock lock(&mutex_);
  snapshot_.is_leader = is_leader;
}

void InboxProgress::SetParkedKeys(std::int64_t keys) {
  parked_keys_.Set(static_cast<double>(keys));
  absl::MutexLock lock(&mutex_);
  snapshot_.parked_keys = keys;
}

void InboxProgress::SetStuck(const absl::Status& why) {
  stuck_.Set(why.ok() ? 0 : 1);
  absl::MutexLock lock(&mutex_);
  snapshot_.is_stuck = !why.ok();
  snapshot_.last_error = why;
}

void InboxProgress::Ended(Outcome outcome, absl::Duration took) {
  handle_seconds_.Observe(absl::ToDoubleSeconds(took));
  absl::MutexLock lock(&mutex_);
  switch (outcome) {
    case Outcome::kHandled:
      ++snapshot_.handled;
      handled_.Add();
      return;
    case Outcome::kDuplicate:
      ++snapshot_.duplicates;
      duplicates_.Add();
      return;
    case Outcome::kUnhandled:
      ++snapshot_.unhandled;
      unhandled_.Add();
      return;
    case Outcome::kHeld:
    case Outcome::kParked:
      ++snapshot_.set_aside;
      set_aside_.Add();
      return;
  }
}

void InboxProgress::TryFailed(std::string_view message, std::string_view key,
                              const absl::Status& failure) {
  failures_.Add();
  Log(LogLevel::kWarning, "inbox message failed",
      {{"inbox", inbox_},
       {"message", std::string(message)},
       {"key", std::string(key)},
       {"error",
        failure.ToString(absl::StatusToStringMode::kWithNoExtraData)}});
}

void InboxProgress::Beat(const absl::Status& status) {
  if (absl::IsCancelled(status)) return;  // It is stopping: nothing is new.
  const bool is_open = !status.ok();
  bool is_news = false;
  {
    absl::MutexLock lock(&mutex_);
    is_news = snapshot_.is_circuit_open != is_open;
    snapshot_.is_circuit_open = is_open;
    snapshot_.last_error = status;
  }
  circuit_open_.Set(is_open ? 1 : 0);
  if (!is_news) return;
  Log(is_open ? LogLevel::kWarning : LogLevel::kInfo,
      is_open ? "inbox interrupted" : "inbox at work",
      {{"inbox", inbox_},
       {"error", status.ToString(absl::StatusToStringMode::kWithNoExtraData)}});
}

}  // namespace stele::outbox_internal
