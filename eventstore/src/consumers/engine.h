#ifndef STELE_EVENTSTORE_SRC_CONSUMERS_ENGINE_H_
#define STELE_EVENTSTORE_SRC_CONSUMERS_ENGINE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "consumers/page.h"
#include "consumers/parked_keys.h"
#include "consumers/progress.h"
#include "consumers/slots.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/eventstore/consumer.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/lease_keeper.h"

namespace stele {

// The one loop that stands behind projections, sagas and the relay.
//
// What keeps an event from being skipped: a slot's checkpoint moves only in a
// transaction that also holds what the handler did with every event of the slot
// up to there, or that holds the event behind its parked key. What keeps one
// from being handled twice: that transaction checks lease and old position.
class ConsumerEngine final : public Consumer {
 public:
  ConsumerEngine(EventStore& store, BatchHandler& handler,
                 ConsumerOptions options, std::string owner);

  absl::Status Join() override;
  absl::Status Run() override;
  absl::Status RunUntil(std::int64_t position) override;
  void Stop() override;
  ConsumerActivity Activity() const override { return progress_.Snapshot(); }

 private:
  using Work = absl::FunctionRef<absl::Status(Transaction&)>;

  // Tries that ended with an error that should pass, one after another, though
  // the store answered: of a batch, and of its first event alone.
  struct TriesInVain {
    std::int64_t position = -1;  // Of that event.
    int together = 0;
    int alone = 0;
  };

  // ---- The loop (engine.cc) -------------------------------------------------

  absl::Status Loop(std::optional<std::int64_t> until);
  // One turn: at most one batch, or a wait. Sets `is_done` at `until`.
  absl::Status Turn(std::optional<std::int64_t> until, bool& is_done);
  // Begins anew if the log went back.
  absl::Status KeepEpoch();
  // kAborted if it did since: what was read or leased before counts no more.
  absl::Status CheckEpoch();
  absl::Status KeepHouse();
  absl::Status Tick();
  absl::Status WaitForEvents();
  // Sets `is_done` if all slots, those of others too, are at `position`.
  // Otherwise waits a little.
  absl::Status WaitForOthers(std::int64_t position, bool& is_done);
  // Moves the checkpoints past events of no interest, if it is time or `now`.
  absl::Status Checkpoint(bool now);
  bool IsStopping() const;
  void Pause(absl::Duration wait);  // Ends early on Stop().

  // ---- Leases (leases.cc) ---------------------------------------------------

  absl::Status Register();
  absl::Status KeepLeases();
  // kDataLoss if one of the checkpoints is beyond the log.
  absl::Status CheckReached(const std::vector<SlotLease>& leases);
  // Has the world know why none are held, if that is for other owners' sake.
  absl::Status LookWhyNoSlots();
  // `for_good`, or after an error, to be started again.
  void ReleaseLeases(bool for_good);

  // ---- Batches (batches.cc) -------------------------------------------------

  absl::Status HandlePage(const ConsumerPage& page);
  // Handles `events` as one batch and moves the checkpoints to `end`.
  absl::Status HandleTogether(std::span<const KeyedEvent> events,
                              std::int64_t end);
  // Handles `events` one by one until one has been parked; `dealt_with` is how
  // many need no more care.
  absl::Status HandleSingly(std::span<const KeyedEvent> events,
                            std::size_t& dealt_with);
  absl::Status HandleOrPark(const KeyedEvent& event, bool& is_parked);
  // After an error that should pass: returns it, to be waited for, or parks
  // `event` if that was done often enough.
  absl::Status WaitOrPark(const KeyedEvent& event, const absl::Status& error,
                          bool& is_parked);
  // True iff `error` should pass, but an empty transaction commits and the
  // leases stand as we know them: it has another reason than those.
  bool WasInVain(const absl::Status& error);
  // The tries in vain of what begins at `position`.
  TriesInVain& CountTry(std::int64_t position);
  bool MustHandleSingly(std::int64_t position) const;
  // Calls the handler and sees to it that it commits, exactly once.
  absl::Status Invoke(std::span<const KeyedEvent> events, CommitBatch commit);
  absl::Status Commit(std::span<const SlotAdvance> advances, Work work);
  absl::Status Park(const KeyedEvent& event, const absl::Status& cause,
                    int tries);
  void AdaptBatchSize(absl::Duration took, bool succeeded);

  // ---- Parked keys (parking.cc) ---------------------------------------------

  absl::Status RetryParked();
  absl::Status RetryKey(const ParkedKey& parked);
  // When a key is tried again that has failed `tries` times.
  absl::Time NextTry(int tries);
  absl::Status DiscardOne(const ParkedKey& parked);
  // Drops a wish to discard what is no longer the first event held.
  absl::Status RefuseDiscard(ParkedKey parked, std::int64_t first);
  absl::Status DiscardAll(const ParkedKey& parked);
  // Notes another failed try of the first event held.
  absl::Status ParkAgain(ParkedKey parked, std::int64_t position,
                         const absl::Status& cause);
  absl::Status ForgetIfEmpty(const std::string& key);
  absl::StatusOr<KeyedEvent> LoadHeld(const std::string& key,
                                      std::int64_t position);

  ConsumerStorage& storage() { return store_.consumers(); }

  EventStore& store_;
  BatchHandler& handler_;
  const ConsumerOptions options_;
  const ConsumerOwner owner_;
  Clock& clock_;
  ConsumerProgress progress_;
  LeaseKeeper keeper_;

  ConsumerSlots slots_;
  ParkedKeys parked_;
  TriesInVain in_vain_;
  Backoff retry_;
  Backoff tick_retry_;
  absl::Status tick_error_;  // Of the last tick.
  std::int64_t cursor_ = 0;  // The log is read up to here.
  std::int64_t head_ = 0;
  Uuid epoch_;  // That cursor and leases are of.
  int batch_size_;
  bool is_registered_ = false;
  bool must_reload_ = true;  // What is known of leases may be wrong.
  bool is_paused_ = false;
  bool skips_tick_ = false;    // In the turn to come.
  bool must_give_up_ = false;  // Too many keys are parked.
  absl::Time next_renewal_ = absl::InfinitePast();
  absl::Time next_housekeeping_ = absl::InfinitePast();
  absl::Time next_tick_ = absl::InfinitePast();
  absl::Time next_checkpoint_ = absl::InfinitePast();

  mutable absl::Mutex stop_mutex_;
  bool is_stopping_ ABSL_GUARDED_BY(stop_mutex_) = false;
};

// How often at most a checkpoint moves past events of no interest alone.
constexpr absl::Duration kIdleCheckpointEvery = absl::Seconds(1);

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_CONSUMERS_ENGINE_H_
