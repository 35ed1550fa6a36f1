#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "consumers/engine.h"
#include "stele/base/invoke_user.h"
#include "stele/base/log.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

// A batch that fails so often with an error that should pass is handled singly,
// in case that only one of its events has it.
constexpr int kTriesTogether = 3;

bool IsFault(const absl::Status& error) {
  return !error.ok() && !IsTransient(error) && !absl::IsCancelled(error);
}

}  // namespace

absl::Status ConsumerEngine::HandlePage(const ConsumerPage& page) {
  std::span<const KeyedEvent> rest(page.events);
  while (!rest.empty()) {
    const std::int64_t begin = rest.front().event.position;
    if (!MustHandleSingly(begin)) {
      const absl::Status status = HandleTogether(rest, page.end);
      if (WasInVain(status)) ++CountTry(begin).together;
      if (!IsFault(status)) return status;
      progress_.Failed(status);
    }
    std::size_t dealt_with = 0;
    STELE_RETURN_IF_ERROR(HandleSingly(rest, dealt_with));
    rest = rest.subspan(dealt_with);
  }
  return absl::OkStatus();
}

absl::Status ConsumerEngine::HandleTogether(std::span<const KeyedEvent> events,
                                            std::int64_t end) {
  const auto is_parked = [this](const KeyedEvent& event) {
    return parked_.Contains(event.key);
  };
  std::vector<const KeyedEvent*> held;
  std::vector<KeyedEvent> others;  // Copied only if some are held.
  std::span<const KeyedEvent> ready = events;
  if (std::any_of(events.begin(), events.end(), is_parked)) {
    for (const KeyedEvent& event : events) {
      if (is_parked(event)) {
        held.push_back(&event);
      } else {
        others.push_back(event);
      }
    }
    ready = others;
  }

  const auto commit = [&](Work work) {
    return Commit(slots_.AdvancesTo(end), [&](Transaction& tx) {
      for (const KeyedEvent* event : held) {
        STELE_RETURN_IF_ERROR(storage().Hold(tx, options_.name, event->key,
                                             event->event.position));
      }
      return work(tx);
    });
  };
  const absl::Time start = clock_.Now();
  if (ready.empty()) {
    STELE_RETURN_IF_ERROR(
        commit([](Transaction&) { return absl::OkStatus(); }));
  } else {
    const absl::Status status = Invoke(ready, commit);
    AdaptBatchSize(clock_.Now() - start, status.ok());
    STELE_RETURN_IF_ERROR(status);
    progress_.Handled(static_cast<std::int64_t>(ready.size()),
                      ready.back().event.recorded_at);
  }
  in_vain_ = {};
  slots_.MovedTo(end);
  next_checkpoint_ = clock_.Now() + kIdleCheckpointEvery;
  return absl::OkStatus();
}

// A batch should take a small part of the lease: slots change hands between
// batches only, and whoever loses them all the same has little to do again.
void ConsumerEngine::AdaptBatchSize(absl::Duration took, bool succeeded) {
  if (took > options_.lease / 3) {
    batch_size_ = std::max(1, batch_size_ / 2);
  } else if (succeeded && took < options_.lease / 12) {
    batch_size_ = std::min(options_.batch_events_max, batch_size_ * 2);
  }
}

absl::Status ConsumerEngine::Invoke(std::span<const KeyedEvent> events,
                                    CommitBatch commit) {
  keeper_.BeginWork();
  int commits = 0;
  absl::Status committed = absl::InternalError(
      "the handler returned OK but did not commit the batch");
  const absl::Status status = InvokeUser(options_.name, [&] {
    return handler_.Handle(events, [&](Work work) {
      if (++commits > 1) {
        return absl::InternalError("the handler committed a batch twice");
      }
      committed = commit(work);
      return committed;
    });
  });
  if (committed.ok()) {
    if (!status.ok()) {
      Log(LogLevel::kWarning, "handler failed after its batch was committed",
          {{"consumer", options_.name}, {"error", status.ToString()}});
    }
    return absl::OkStatus();
  }
  return status.ok() || IsInDoubt(committed) ? committed : status;
}

absl::Status ConsumerEngine::Commit(std::span<const SlotAdvance> advances,
                                    Work work) {
  return store_.Transact([&](Transaction& tx) -> absl::Status {
    STELE_RETURN_IF_ERROR(CheckEpoch());
    // First, so that a late owner does nothing else, and so that whatever takes
    // positions of the log comes last.
    STELE_RETURN_IF_ERROR(storage().Advance(tx, options_.name, advances));
    return work(tx);
  });
}

absl::Status ConsumerEngine::HandleSingly(std::span<const KeyedEvent> events,
                                          std::size_t& dealt_with) {
  for (const KeyedEvent& event : events) {
    if (IsStopping()) return absl::CancelledError("the consumer was stopped");
    bool is_parked = false;
    STELE_RETURN_IF_ERROR(HandleOrPark(event, is_parked));
    ++dealt_with;
    if (is_parked) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status ConsumerEngine::HandleOrPark(const KeyedEvent& event,
                                          bool& is_parked) {
  Backoff backoff(options_.retry);
  absl::Status status;
  for (int tries = 0; tries < options_.tries_before_parking; ++tries) {
    if (tries > 0) Pause(std::min(backoff.Next(), options_.lease / 3));
    status = HandleTogether(std::span(&event, 1), event.event.position);
    if (IsTransient(status)) return WaitOrPark(event, status, is_parked);
    if (!IsFault(status)) return status;
    progress_.Failed(status);
  }
  is_parked = true;
  return Park(event, status, options_.tries_before_parking);
}

absl::Status ConsumerEngine::WaitOrPark(const KeyedEvent& event,
                                        const absl::Status& error,
                                        bool& is_parked) {
  if (!WasInVain(error)) return error;
  const int tries = ++CountTry(event.event.position).alone;
  if (tries < options_.transient_tries_before_parking) return error;
  progress_.Failed(error);
  is_parked = true;
  return Park(event, error, tries);
}

bool ConsumerEngine::MustHandleSingly(std::int64_t position) const {
  return position == in_vain_.position &&
         (in_vain_.together >= kTriesTogether || in_vain_.alone > 0);
}

bool ConsumerEngine::WasInVain(const absl::Status& error) {
  if (!IsTransient(error) || options_.transient_tries_before_parking == 0) {
    return false;
  }
  return Commit(slots_.Proofs(), [](Transaction&) { return absl::OkStatus(); })
      .ok();
}

ConsumerEngine::TriesInVain& ConsumerEngine::CountTry(std::int64_t position) {
  if (in_vain_.position != position) in_vain_ = {.position = position};
  return in_vain_;
}

absl::Status ConsumerEngine::Park(const KeyedEvent& event,
                                  const absl::Status& cause, int tries) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ParkedKey> all,
                         storage().ListParked(options_.name));
  if (static_cast<std::int64_t>(all.size()) >= options_.parked_keys_max) {
    // So many errors that should pass have one cause: that one is waited for.
    if (IsTransient(cause)) return cause;
    must_give_up_ = true;
    return absl::ResourceExhaustedError(absl::StrCat(
        "consumer ", Quoted(options_.name), " stops at position ",
        event.event.position, " rather than park more than ",
        options_.parked_keys_max, " keys; the last cause: ", cause.ToString()));
  }
  const ParkedKey parked{.key = event.key,
                         .slot = SlotOf(event.key, options_.slots),
                         .first_position = event.event.position,
                         .held = 1,
                         .tries = tries,
                         .cause = cause.ToString(),
                         .parked_at = clock_.Now(),
                         .next_try = NextTry(tries),
                         .state = ParkedState::kWaiting};
  const std::int64_t end = event.event.position;
  STELE_RETURN_IF_ERROR(Commit(slots_.AdvancesTo(end), [&](Transaction& tx) {
    STELE_RETURN_IF_ERROR(storage().Park(tx, options_.name, parked));
    return storage().Hold(tx, options_.name, parked.key, parked.first_position);
  }));
  in_vain_ = {};
  slots_.MovedTo(end);
  parked_.Put(parked);
  progress_.SetParkedKeys(parked_.size());
  Log(LogLevel::kError, "key parked",
      {{"consumer", options_.name},
       {"slot", absl::StrCat(parked.slot)},
       {"position", absl::StrCat(parked.first_position)},
       {"cause", parked.cause}});
  return absl::OkStatus();
}

}  // namespace stele
