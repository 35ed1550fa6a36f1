#include "stream_turns.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/check.h"
#include "stele/base/strings.h"

namespace stele {

StreamTurns::StreamTurns(int waiting_max, Metrics& metrics)
    : waiting_max_(waiting_max),
      waiting_gauge_(metrics.GetGauge(
          "stele_commands_waiting",
          "Commands that wait for others of this process on their streams.")) {}

void StreamTurns::AddWaiting(int change) {
  waiting_ += change;
  waiting_gauge_.Set(waiting_);
}

absl::StatusOr<std::unique_ptr<StreamState>> StreamTurns::Take(
    const std::string& stream_id) {
  absl::MutexLock lock(&mutex_);
  const auto [line, is_free] = lines_.try_emplace(stream_id);
  if (is_free) return nullptr;
  if (waiting_ >= waiting_max_) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "command on stream ", Quoted(stream_id), " refused: ", waiting_,
        " commands wait for others on their streams"));
  }
  Waiter waiter;
  line->second.push_back(&waiter);
  AddWaiting(1);
  while (!waiter.has_turn) waiter.wake.Wait(&mutex_);
  AddWaiting(-1);
  return std::move(waiter.state);
}

void StreamTurns::Pass(const std::string& stream_id,
                       std::unique_ptr<StreamState> state) {
  absl::MutexLock lock(&mutex_);
  const auto line = lines_.find(stream_id);
  STELE_CHECK(line != lines_.end());
  if (line->second.empty()) {
    lines_.erase(line);
    return;
  }
  Waiter& next = *line->second.front();
  line->second.pop_front();
  next.state = std::move(state);
  next.has_turn = true;
  next.wake.Signal();
}

}  // namespace stele
