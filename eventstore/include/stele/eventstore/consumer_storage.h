#ifndef STELE_EVENTSTORE_CONSUMER_STORAGE_H_
#define STELE_EVENTSTORE_CONSUMER_STORAGE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stele {

class Transaction;

// The right to process one slot of a consumer until it expires. Every change
// of hands raises the epoch, so that a late owner is refused (fencing). Epochs
// begin anew with a consumer that is forgotten and registered again, which is
// why the owner is compared, too: names of owners must be unique for all time.
struct SlotLease {
  int slot = 0;
  std::int64_t epoch = 0;     // >= 1.
  std::int64_t position = 0;  // The slot's checkpoint.
  std::string owner = {};     // Who holds it.
};

// Who works on a consumer, and what it understands.
struct ConsumerOwner {
  std::string name = {};  // Unique among owners, for all time.
  // The event types that it handles: all others it passes over, for good. Empty
  // = it handles all.
  std::vector<std::string> types = {};
};

// A lease and the position its slot has now come to.
struct SlotAdvance {
  SlotLease lease;            // `lease.position` is the one to move from.
  std::int64_t position = 0;  // >= lease.position.
};

enum class ParkedState {
  kWaiting,     // For its next try, or for an operator.
  kRetryNow,    // An operator asked for a try at once.
  kDiscardOne,  // An operator asked to drop the event at `discard_position`.
  kDiscardAll,  // An operator asked to drop all events held for the key.
};

// A key set aside because one of its events cannot be handled. Later events of
// the key are held behind it, in order.
struct ParkedKey {
  std::string key;
  int slot = 0;
  std::int64_t first_position = 0;  // The event that failed.
  std::int64_t held = 0;            // Events held, the failed one included.
  int tries = 0;
  std::string cause;  // The last error.
  absl::Time parked_at;
  absl::Time next_try;  // absl::InfiniteFuture() = only when asked.
  ParkedState state = ParkedState::kWaiting;
  // What the operator saw; only with kDiscardOne. Set by RequestDiscard().
  std::int64_t discard_position = 0;
};

// One slot as an operator sees it.
struct SlotStatus {
  int slot = 0;
  std::int64_t position = 0;
  std::int64_t epoch = 0;
  std::string owner;       // Empty = nobody.
  absl::Time lease_until;  // By the store's clock.
  absl::Time updated_at;   // Of the checkpoint.
};

// An owner as an operator sees it.
struct OwnerStatus {
  std::string name;
  std::vector<std::string> types;  // Sorted; empty = all.
  absl::Time live_until;           // By the store's clock.
  std::string why_it_yields;       // To other owners; empty = it does not.
};

struct ConsumerStatus {
  std::string name;
  std::vector<SlotStatus> slots;
  std::vector<OwnerStatus> owners;  // By name; who has not been gone for long.
  std::int64_t parked_keys = 0;
  bool is_paused = false;
};

// Where consumers keep checkpoints, leases and parked keys: beside the events,
// so that they commit together with the work. Leases are judged by the store's
// clock alone. Names of consumers and owners are 1 to 256 bytes of UTF-8 on one
// line, leases above 0 and at most 24 h; others are kInvalidArgument.
//
// Errors: kUnavailable, and those listed. Thread-safe. Methods that take a
// Transaction take part in it; all others commit at once.
class ConsumerStorage {
 public:
  virtual ~ConsumerStorage() = default;

  // Makes the consumer known with `slots` slots, each at `start_position`.
  // Harmless if it is already known; kFailedPrecondition if it is known with
  // another number of slots.
  virtual absl::Status Register(const std::string& consumer, int slots,
                                std::int64_t start_position) = 0;

  // Renews what `owner` holds and goes towards its fair share, slots / live
  // owners, rounded up: gives up slots beyond it, and takes those that are free
  // or whose owner is no longer live. It may take more calls to get there: an
  // owner gives up only in calls of its own, and a slot whose checkpoint is
  // being moved right now stays as it is. Returns all that it now holds, by
  // slot; epochs of kept slots are unchanged. An owner is live from its first
  // call until `lease` after its last one, Renew() included, also while it
  // holds nothing. kNotFound if the consumer is not registered.
  //
  // Owners that handle the same event types share the slots. Of those that
  // differ, one set of types works: of the sets that no other one contains, the
  // last that came. All other owners yield: they are given no slot, and from
  // the call on that has them yield, Advance() refuses what they still hold. So
  // an event appended after that call is not passed over by them. They yield
  // until those that work were released, or not heard of for six leases.
  virtual absl::StatusOr<std::vector<SlotLease>> Acquire(
      const std::string& consumer, const ConsumerOwner& owner,
      absl::Duration lease) = 0;

  // Renews what `owner` holds, and no more: takes no slot and gives none up,
  // unless it yields. Has others yield as Acquire() does. Never waits for a
  // checkpoint that is being moved. Returns and fails like Acquire().
  virtual absl::StatusOr<std::vector<SlotLease>> Renew(
      const std::string& consumer, const ConsumerOwner& owner,
      absl::Duration lease) = 0;

  // Gives up all slots of `owner` at once, who is gone for good: nobody yields
  // to it any more. Waits for checkpoints of it that are being moved; nobody is
  // kept from renewing or acquiring meanwhile.
  virtual absl::Status Release(const std::string& consumer,
                               const std::string& owner) = 0;

  // The same for an owner that failed and means to come back: others yield to
  // it as long as to one that is not heard of.
  virtual absl::Status Suspend(const std::string& consumer,
                               const std::string& owner) = 0;

  // Moves checkpoints, within `tx`.
  //   kAborted  one of the leases is no longer held by its owner at its epoch,
  //             the owner yields, or its slot is not at the expected position:
  //             the transaction must be rolled back.
  virtual absl::Status Advance(Transaction& tx, const std::string& consumer,
                               std::span<const SlotAdvance> advances) = 0;

  // ---- Parked keys. Written only by the owner of the key's slot. ------------

  virtual absl::StatusOr<std::vector<ParkedKey>> ListParked(
      const std::string& consumer) = 0;
  // The positions held for a key, in order.
  virtual absl::StatusOr<std::vector<std::int64_t>> HeldPositions(
      const std::string& consumer, const std::string& key,
      std::int64_t limit) = 0;
  // Parks `parked.key`, or updates its tries, cause, next try and state. A
  // request to discard that came meanwhile outlasts kWaiting, not kRetryNow; to
  // discard one event, only while that is still `parked.first_position`.
  virtual absl::Status Park(Transaction& tx, const std::string& consumer,
                            const ParkedKey& parked) = 0;
  // Holds an event behind a parked key; once, however often it is asked.
  virtual absl::Status Hold(Transaction& tx, const std::string& consumer,
                            const std::string& key, std::int64_t position) = 0;
  // Drops one held event; the key is parked no longer once it was the last.
  // kNotFound if the key is not parked, kAborted if that event is not held: the
  // transaction must be rolled back.
  virtual absl::Status Unhold(Transaction& tx, const std::string& consumer,
                              const std::string& key,
                              std::int64_t position) = 0;

  // ---- Operators ------------------------------------------------------------

  // Asks the owner of a parked key to act. kNotFound if it is not parked.
  // kInvalidArgument for kDiscardOne: see RequestDiscard().
  virtual absl::Status RequestParked(const std::string& consumer,
                                     const std::string& key,
                                     ParkedState request) = 0;
  // Asks the owner of a parked key to drop the event at `position`, the first
  // of those held: the one that fails, and no other. Nothing is dropped if it
  // has been dealt with by the time the owner acts. kNotFound if the key is not
  // parked, kFailedPrecondition if another event is the first by now.
  virtual absl::Status RequestDiscard(const std::string& consumer,
                                      const std::string& key,
                                      std::int64_t position) = 0;
  virtual absl::StatusOr<std::vector<ConsumerStatus>> List() = 0;
  // One of them as `tx` sees it at this moment, on its own connection: for work
  // that must not wait for another one. Nullopt if it is not known.
  virtual absl::StatusOr<std::optional<ConsumerStatus>> Find(
      Transaction& tx, const std::string& consumer) = 0;
  virtual absl::StatusOr<std::vector<ParkedKey>> ListParked(
      Transaction& tx, const std::string& consumer) = 0;
  // A paused consumer keeps its leases and handles nothing. kNotFound if the
  // consumer is not known.
  virtual absl::Status SetPaused(const std::string& consumer, bool paused) = 0;
  virtual absl::StatusOr<bool> IsPaused(const std::string& consumer) = 0;
  // Sets all slots to `position` and raises their epochs, so that whoever works
  // on them now is refused. Held events beyond `position` are dropped, because
  // they will be read again. Waits for checkpoints that are being moved, as
  // Release() does. kNotFound if the consumer is not known.
  virtual absl::Status Reset(const std::string& consumer,
                             std::int64_t position) = 0;
  // Forgets the consumer and all that is kept for it; harmless if unknown.
  virtual absl::Status Forget(const std::string& consumer) = 0;
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_CONSUMER_STORAGE_H_
