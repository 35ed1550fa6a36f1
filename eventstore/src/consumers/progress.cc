#include "consumers/progress.h"

#include <algorithm>

namespace stele {
namespace {

MetricLabels Labels(const std::string& consumer) {
  return {{"consumer", consumer}};
}

}  // namespace

ConsumerProgress::ConsumerProgress(Metrics& metrics,
                                   const std::string& consumer, Clock& clock)
    : clock_(clock),
      position_(metrics.GetGauge(
          "stele_consumer_position",
          "The position up to which everything has been dealt with.",
          Labels(consumer))),
      lag_events_(metrics.GetGauge(
          "stele_consumer_lag_events",
          "Positions between the consumer and the head of the log.",
          Labels(consumer))),
      lag_seconds_(metrics.GetGauge(
          "stele_consumer_lag_seconds",
          "Age of the event last handled while there are newer ones.",
          Labels(consumer))),
      parked_keys_(metrics.GetGauge("stele_consumer_parked_keys",
                                    "Keys parked in the slots held here.",
                                    Labels(consumer))),
      slots_held_(metrics.GetGauge("stele_consumer_slots_held",
                                   "Slots leased to this process.",
                                   Labels(consumer))),
      stuck_(metrics.GetGauge("stele_consumer_stuck",
                              "1 while the handler takes longer than it may "
                              "and its leases are not renewed, otherwise 0.",
                              Labels(consumer))),
      yields_(metrics.GetGauge("stele_consumer_yields",
                               "1 while it leaves its work to a process that "
                               "handles other event types, otherwise 0.",
                               Labels(consumer))),
      events_total_(metrics.GetCounter("stele_consumer_events_total",
                                       "Events handled.", Labels(consumer))),
      batches_total_(metrics.GetCounter("stele_consumer_batches_total",
                                        "Batches committed.",
                                        Labels(consumer))),
      errors_total_(metrics.GetCounter("stele_consumer_errors_total",
                                       "Failed tries, of any kind.",
                                       Labels(consumer))) {
  absl::MutexLock lock(&mutex_);
  snapshot_.last_progress = clock_.Now();
}

ConsumerActivity ConsumerProgress::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  return snapshot_;
}

void ConsumerProgress::SetRunning(bool is_running) {
  absl::MutexLock lock(&mutex_);
  snapshot_.is_running = is_running;
}

void ConsumerProgress::SetSlots(int slots) {
  slots_held_.Set(slots);
  if (slots == 0) {  // Whoever holds them now tells how they stand.
    lag_events_.Set(0);
    lag_seconds_.Set(0);
    parked_keys_.Set(0);
  }
  absl::MutexLock lock(&mutex_);
  snapshot_.slots_held = slots;
}

void ConsumerProgress::SetParkedKeys(std::int64_t keys) {
  parked_keys_.Set(static_cast<double>(keys));
  absl::MutexLock lock(&mutex_);
  snapshot_.parked_keys = keys;
}

void ConsumerProgress::SetStuck(bool is_stuck) {
  stuck_.Set(is_stuck ? 1 : 0);
  absl::MutexLock lock(&mutex_);
  snapshot_.is_stuck = is_stuck;
}

bool ConsumerProgress::SetWhyItYields(const std::string& why) {
  yields_.Set(why.empty() ? 0 : 1);
  absl::MutexLock lock(&mutex_);
  const bool begins = snapshot_.why_it_yields.empty() && !why.empty();
  snapshot_.why_it_yields = why;
  return begins;
}

void ConsumerProgress::Handled(std::int64_t events, absl::Time newest) {
  events_total_.Add(static_cast<double>(events));
  batches_total_.Add();
  absl::MutexLock lock(&mutex_);
  snapshot_.events_handled += events;
  snapshot_.last_progress = clock_.Now();
  newest_ = newest;
}

void ConsumerProgress::CameTo(std::int64_t position, std::int64_t head) {
  absl::MutexLock lock(&mutex_);
  const bool has_moved = position != snapshot_.position;
  snapshot_.position = position;
  snapshot_.head = std::max(head, position);
  const bool is_behind = snapshot_.head > position;
  // A consumer that has nothing to do is not stuck.
  if (has_moved || !is_behind) snapshot_.last_progress = clock_.Now();
  position_.Set(static_cast<double>(position));
  lag_events_.Set(static_cast<double>(snapshot_.head - position));
  const bool is_known = newest_ != absl::InfinitePast();
  lag_seconds_.Set(
      is_behind && is_known
          ? std::max(0.0, absl::ToDoubleSeconds(clock_.Now() - newest_))
          : 0.0);
}

void ConsumerProgress::Failed(const absl::Status& error) {
  errors_total_.Add();
  absl::MutexLock lock(&mutex_);
  snapshot_.last_error = error;
}

void ConsumerProgress::Succeeded(const absl::Status& still) {
  absl::MutexLock lock(&mutex_);
  snapshot_.last_error = still;
}

}  // namespace stele
