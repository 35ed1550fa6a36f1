#ifndef STELE_EVENTSTORE_CONSUMER_H_
#define STELE_EVENTSTORE_CONSUMER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"

namespace stele {

// One event handed to a consumer, with the key its handler gave it.
struct KeyedEvent {
  std::string key;
  RecordedEvent event;
};

// Commits a batch: runs `work` and moves the checkpoints in one transaction.
// Fails with kAborted if a lease was lost; then nothing of it happened.
using CommitBatch = absl::FunctionRef<absl::Status(
    absl::FunctionRef<absl::Status(Transaction&)> work)>;

// What a consumer does with events. Implemented by projections, sagas and the
// relay. Called by one thread at a time per Consumer.
class BatchHandler {
 public:
  virtual ~BatchHandler() = default;

  // The key whose order matters, or nullopt if the event is of no interest.
  // Pure. An error parks nothing and stops the consumer: it means that the
  // event cannot be understood at all (kDataLoss).
  virtual absl::StatusOr<std::optional<std::string>> KeyOf(
      const RecordedEvent& event) = 0;

  // Handles `batch`, in order, and calls `commit` exactly once, after any work
  // outside the database is done and acknowledged. Returns what `commit`
  // returned, or the error that kept it from being called.
  //
  // kCancelled stops. An error that should pass (see IsTransient()) is retried
  // with back-off. Any other is a fault of one of the events, which is then
  // found, by handling them one by one, and parked with its key. So is one that
  // should pass and does not, though the store answers: see
  // `ConsumerOptions::transient_tries_before_parking`.
  //
  // The leases are renewed meanwhile, for `handle_time_max`. If they are lost
  // all the same, `commit` says so and the batch is somebody else's.
  virtual absl::Status Handle(std::span<const KeyedEvent> batch,
                              CommitBatch commit) = 0;

  // Called before slots are worked on after leases changed hands: forget what
  // was remembered of their keys.
  virtual void OnLeasesChanged() {}

  // Called about every `ConsumerOptions::tick` by the same thread, between
  // batches, with the slots held: the place for timers. An error that should
  // pass is retried with back-off, events being handled meanwhile; any other
  // stops the consumer. It parks nothing.
  virtual absl::Status OnTick(std::span<const int> slots) {
    (void)slots;
    return absl::OkStatus();
  }
};

struct ConsumerOptions {
  // "projection/OrderSummary"; identifies the checkpoints. 1 to 256 bytes.
  std::string name = {};
  int slots = 16;  // 1 to 1024; fixed once registered.

  // Where a consumer begins that the store does not know yet.
  std::int64_t start_position = 0;           // >= 0.
  std::vector<std::string> categories = {};  // Empty = all.
  // That the handler handles; it is given no others. Empty = all. Consumers of
  // one name that differ here are of different releases: see Join().
  std::vector<std::string> types = {};

  int batch_events_max = 500;              // 1 to 100'000.
  std::int64_t batch_bytes_max = 4 << 20;  // > 0.

  // Most positions of the log looked through for these in one go: a checkpoint
  // also moves while there is nothing of interest. > 0.
  std::int64_t scan_positions_max = 200'000;

  // Renewed in time however long an event takes to handle: see below.
  absl::Duration lease = absl::Seconds(10);       // Above 0, at most 24 h.
  absl::Duration tick = absl::Milliseconds(100);  // > 0.

  // One call of the handler that takes longer than this is taken to hang: its
  // leases are no longer renewed, so that others may take its slots over; the
  // log says so, and stele_consumer_stuck is 1. Should it return, its commit is
  // refused if they have. > 0.
  absl::Duration handle_time_max = absl::Minutes(10);

  // An event that fails is tried this many times, at least once, before its key
  // is parked, and then again after `park_backoff` waits.
  int tries_before_parking = 3;
  // The same for errors that should pass (see IsTransient()): a statement that
  // times out, memory that runs out. Only tries of the event alone, after which
  // the store answers and the leases stand, are counted, so that a database
  // that is away parks nothing. 0 = never: whatever the handler needs besides
  // the store is away for all events at once.
  int transient_tries_before_parking = 8;
  BackoffOptions retry = {absl::Milliseconds(20), absl::Seconds(5)};
  BackoffOptions park_backoff = {absl::Seconds(1), absl::Minutes(10)};
  // The consumer stops with kResourceExhausted, rather than park more keys than
  // this. >= 0.
  std::int64_t parked_keys_max = 1000;

  Metrics* metrics = nullptr;  // Must outlive the consumer. Null = none.
  Clock* clock = nullptr;      // The same. Null = the machine's.
};

// How a consumer stands, from outside its thread.
struct ConsumerActivity {
  std::int64_t position = 0;  // The least of the slots it holds.
  std::int64_t head = 0;      // As last seen.
  int slots_held = 0;
  std::int64_t events_handled = 0;
  std::int64_t parked_keys = 0;
  absl::Time last_progress;
  absl::Status last_error;  // OK if the last try, and tick, succeeded.
  bool is_running = false;
  bool is_stuck = false;  // Nothing was heard for `handle_time_max`.
  // Why it holds no slots though others are at work; empty = for no reason of
  // its own.
  std::string why_it_yields;
};

// Reads the log on behalf of a handler: takes leases on slots, hands events to
// it in order per key, and moves the checkpoints in the handler's transaction.
// Several consumers of one name, in one or many processes, share its slots; an
// event belongs to slot Hash(key) % slots.
//
// Thread-safe but for Join(), Run() and RunUntil().
class Consumer {
 public:
  // `store` and `handler` must outlive it. `owner` names this consumer among
  // those of the same name; unique, 1 to 256 bytes.
  //
  // Errors: kInvalidArgument for options out of bounds or malformed names.
  static absl::StatusOr<std::unique_ptr<Consumer>> Create(
      EventStore& store, BatchHandler& handler, ConsumerOptions options,
      std::string owner);
  virtual ~Consumer() = default;

  // Makes itself known, as Run() does when it begins. From then on consumers of
  // the name that must yield to this one move no checkpoint any more, so that
  // none of them passes over an event that is appended after this call. Who
  // handles fewer event types yields; of sets that neither contains the other,
  // that which came first; see ConsumerStorage::Acquire(). To be called before
  // the process appends events of types that an older release may not know,
  // and followed by Run() within a lease.
  //
  // Errors: kUnavailable; kFailedPrecondition if it has another number of
  // slots.
  virtual absl::Status Join() = 0;

  // Works until Stop() or an error that cannot be retried; releases its leases
  // and returns. Called once.
  virtual absl::Status Run() = 0;

  // Works like Run() until all slots of the consumer are at `position` or
  // beyond, then releases its leases and returns: for tests and scripts, which
  // go on when all is caught up. Slots that others hold are waited for: until
  // those have brought them there, or their leases have expired and the slots
  // are taken over. May be called again, but not during Run(). While the
  // consumer is paused, it returns kFailedPrecondition.
  virtual absl::Status RunUntil(std::int64_t position) = 0;

  // Makes Run() or RunUntil() return after the batch being handled, with OK or
  // kCancelled respectively, now and ever after. Returns at once.
  virtual void Stop() = 0;

  virtual ConsumerActivity Activity() const = 0;
};

// The slot of a key: the same in every process and release.
int SlotOf(std::string_view key, int slots);

}  // namespace stele

#endif  // STELE_EVENTSTORE_CONSUMER_H_
