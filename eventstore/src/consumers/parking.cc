#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "consumers/engine.h"
#include "stele/base/log.h"
#include "stele/base/status.h"

namespace stele {
namespace {

// Held events of a key dealt with in one turn, so that leases are renewed in
// between.
constexpr std::int64_t kHeldPerTurn = 100;

}  // namespace

absl::Status ConsumerEngine::RetryParked() {
  if (parked_.empty()) return absl::OkStatus();
  for (const ParkedKey& parked : parked_.Due(clock_.Now())) {
    if (IsStopping()) return absl::CancelledError("the consumer was stopped");
    switch (parked.state) {
      case ParkedState::kDiscardOne:
        STELE_RETURN_IF_ERROR(DiscardOne(parked));
        break;
      case ParkedState::kDiscardAll:
        STELE_RETURN_IF_ERROR(DiscardAll(parked));
        break;
      case ParkedState::kWaiting:
      case ParkedState::kRetryNow:
        STELE_RETURN_IF_ERROR(RetryKey(parked));
        break;
    }
  }
  progress_.SetParkedKeys(parked_.size());
  return absl::OkStatus();
}

absl::Status ConsumerEngine::RetryKey(const ParkedKey& parked) {
  STELE_ASSIGN_OR_RETURN(
      const std::vector<std::int64_t> positions,
      storage().HeldPositions(options_.name, parked.key, kHeldPerTurn));
  for (const std::int64_t position : positions) {
    absl::StatusOr<KeyedEvent> event = LoadHeld(parked.key, position);
    absl::Status status = event.status();
    if (status.ok()) {
      const SlotAdvance proof = slots_.ProofFor(parked.slot);
      status = Invoke(std::span(&*event, 1), [&](Work work) {
        return Commit(std::span(&proof, 1), [&](Transaction& tx) {
          STELE_RETURN_IF_ERROR(
              storage().Unhold(tx, options_.name, parked.key, position));
          return work(tx);
        });
      });
    }
    if (!status.ok()) {
      // A commit in doubt may have happened: to be looked at anew. Any other
      // error delays this key alone, unless the store cannot note it either.
      if (absl::IsCancelled(status) || IsInDoubt(status)) return status;
      progress_.Failed(status);
      return ParkAgain(parked, position, status);
    }
    progress_.Handled(1, event->event.recorded_at);
  }
  return ForgetIfEmpty(parked.key);
}

absl::StatusOr<KeyedEvent> ConsumerEngine::LoadHeld(const std::string& key,
                                                    std::int64_t position) {
  KeyedEvent held{key, {}};
  STELE_RETURN_IF_ERROR(store_.ReadLog(
      {.after_position = position - 1, .limit = 1}, [&](RecordedEvent event) {
        held.event = std::move(event);
        return absl::OkStatus();
      }));
  if (held.event.position != position) {
    return absl::DataLossError(absl::StrCat("the event at position ", position,
                                            " is no longer in the log"));
  }
  return held;
}

absl::Status ConsumerEngine::ParkAgain(ParkedKey parked, std::int64_t position,
                                       const absl::Status& cause) {
  parked.tries = parked.first_position == position ? parked.tries + 1 : 1;
  parked.first_position = position;
  parked.cause = cause.ToString();
  parked.state = ParkedState::kWaiting;
  parked.next_try = NextTry(parked.tries);
  const SlotAdvance proof = slots_.ProofFor(parked.slot);
  STELE_RETURN_IF_ERROR(Commit(std::span(&proof, 1), [&](Transaction& tx) {
    return storage().Park(tx, options_.name, parked);
  }));
  parked_.Put(parked);
  return absl::OkStatus();
}

absl::Time ConsumerEngine::NextTry(int tries) {
  Backoff backoff(options_.park_backoff);
  const int waits = std::clamp(tries - options_.tries_before_parking, 0, 60);
  for (int i = 0; i < waits; ++i) backoff.Next();
  return clock_.Now() + backoff.Next();
}

absl::Status ConsumerEngine::DiscardOne(const ParkedKey& parked) {
  STELE_ASSIGN_OR_RETURN(const std::vector<std::int64_t> positions,
                         storage().HeldPositions(options_.name, parked.key, 2));
  if (positions.empty()) return ForgetIfEmpty(parked.key);
  if (positions.front() != parked.discard_position) {
    return RefuseDiscard(parked, positions.front());
  }
  ParkedKey rest = parked;
  rest.state = ParkedState::kRetryNow;
  rest.tries = 0;
  rest.next_try = clock_.Now();
  rest.first_position = positions.back();
  const SlotAdvance proof = slots_.ProofFor(parked.slot);
  STELE_RETURN_IF_ERROR(
      Commit(std::span(&proof, 1), [&](Transaction& tx) -> absl::Status {
        STELE_RETURN_IF_ERROR(
            storage().Unhold(tx, options_.name, parked.key, positions.front()));
        if (positions.size() == 1) return absl::OkStatus();
        return storage().Park(tx, options_.name, rest);
      }));
  Log(LogLevel::kWarning, "parked event discarded as asked",
      {{"consumer", options_.name},
       {"position", absl::StrCat(positions.front())}});
  if (positions.size() == 1) return ForgetIfEmpty(parked.key);
  parked_.Put(rest);
  return RetryKey(rest);
}

absl::Status ConsumerEngine::RefuseDiscard(ParkedKey parked,
                                           std::int64_t first) {
  Log(LogLevel::kWarning,
      "parked event not discarded: it is no longer the first of its key",
      {{"consumer", options_.name},
       {"position", absl::StrCat(parked.discard_position)},
       {"first_position", absl::StrCat(first)}});
  if (parked.first_position != first) parked.tries = 0;
  parked.first_position = first;
  parked.state = ParkedState::kWaiting;
  const SlotAdvance proof = slots_.ProofFor(parked.slot);
  STELE_RETURN_IF_ERROR(Commit(std::span(&proof, 1), [&](Transaction& tx) {
    return storage().Park(tx, options_.name, parked);
  }));
  parked_.Put(parked);
  return absl::OkStatus();
}

absl::Status ConsumerEngine::DiscardAll(const ParkedKey& parked) {
  STELE_ASSIGN_OR_RETURN(
      const std::vector<std::int64_t> positions,
      storage().HeldPositions(options_.name, parked.key, kHeldPerTurn));
  const SlotAdvance proof = slots_.ProofFor(parked.slot);
  STELE_RETURN_IF_ERROR(
      Commit(std::span(&proof, 1), [&](Transaction& tx) -> absl::Status {
        for (const std::int64_t position : positions) {
          STELE_RETURN_IF_ERROR(
              storage().Unhold(tx, options_.name, parked.key, position));
        }
        return absl::OkStatus();
      }));
  Log(LogLevel::kWarning, "parked events discarded as asked",
      {{"consumer", options_.name},
       {"first_position", absl::StrCat(parked.first_position)},
       {"events", absl::StrCat(positions.size())}});
  return ForgetIfEmpty(parked.key);
}

absl::Status ConsumerEngine::ForgetIfEmpty(const std::string& key) {
  STELE_ASSIGN_OR_RETURN(const std::vector<std::int64_t> left,
                         storage().HeldPositions(options_.name, key, 1));
  if (left.empty()) parked_.Erase(key);
  return absl::OkStatus();
}

}  // namespace stele
