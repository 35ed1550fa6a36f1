#ifndef STELE_SAGAS_SAGA_STORAGE_H_
#define STELE_SAGAS_SAGA_STORAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/clock.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"

namespace stele {

enum class SagaStatus {
  kActive = 1,
  kCompensating = 2,
  kCompleted = 3,
  kCompensated = 4,
  kParked = 5,  // Of an instance whose key is parked, whatever it was before.
};
std::string_view SagaStatusName(SagaStatus status);  // "active", ...
std::optional<SagaStatus> ParseSagaStatus(std::string_view name);

// An instance as its row tells it, kept beside the stream for lists.
struct SagaRow {
  std::string saga;  // "Transfer"
  std::string id;
  int slot = 0;
  SagaStatus status = SagaStatus::kActive;  // Never kParked.
  std::int64_t steps = 0;
  std::int64_t last_input_position = 0;
  int undos = 0;   // Not yet carried out, the one that is out included.
  int timers = 0;  // Waiting.
  std::optional<absl::Time> next_timer_at = std::nullopt;
  std::string reason = {};  // Why it compensates or has compensated.
  absl::Time updated_at = absl::UnixEpoch();  // Set by the storage.
};

// A timer that waits, by the version of the step that started it.
struct SagaTimerRow {
  int slot = 0;
  std::string id;
  std::string name;
  std::int64_t set_version = 0;
  absl::Time due_at;
};

// What the steps taken by one instance change in the tables.
struct SagaWrite {
  SagaRow row;
  std::vector<SagaTimerRow> set_timers;     // Inserted, or put in place.
  std::vector<std::string> dropped_timers;  // Names; gone already is fine.
};

struct DueTimers {
  std::vector<SagaTimerRow> timers;  // Oldest first.
  absl::Time now;                    // By the storage's clock.
  // Asking again sooner finds nothing new, unless a timer is set meanwhile.
  absl::Duration next_in = absl::ZeroDuration();
};

struct SagaRowQuery {
  std::string saga = {};  // Empty = all.
  std::optional<SagaStatus> status = std::nullopt;
  std::int64_t limit = 1000;
};

// How many instances of a saga have a status.
struct SagaRowCount {
  std::string saga;
  SagaStatus status = SagaStatus::kActive;
  std::int64_t instances = 0;
};

// The timers of sagas and the list of their instances, kept where the events
// are and written in the same transaction. Its clock, in PostgreSQL the
// database's own, is the one authority on when a timer is due.
//
// Errors: kUnavailable, kAborted (try the transaction again). Thread-safe.
class SagaStorage {
 public:
  virtual ~SagaStorage() = default;

  virtual absl::StatusOr<absl::Time> Now(Transaction& tx) = 0;
  virtual absl::Status Write(Transaction& tx,
                             std::span<const SagaWrite> writes) = 0;

  // Timers of `saga_name` that are due in `slots`, at most `limit`.
  virtual absl::StatusOr<DueTimers> ReadDue(const std::string& saga_name,
                                            std::span<const int> slots,
                                            int limit) = 0;
  // Takes the rows away; returns those that were still there, in order.
  virtual absl::StatusOr<std::vector<SagaTimerRow>> TakeTimers(
      Transaction& tx, const std::string& saga_name,
      std::span<const SagaTimerRow> timers) = 0;
  // Takes all timers of an instance away, whose stream takes nothing in any
  // more, and says in its row, if it has one, that none waits.
  virtual absl::Status VoidTimers(Transaction& tx, const std::string& saga_name,
                                  const std::string& instance_id) = 0;

  // Instances that have changed longest ago first.
  virtual absl::StatusOr<std::vector<SagaRow>> List(
      const SagaRowQuery& query) = 0;
  virtual absl::StatusOr<std::optional<SagaRow>> Find(
      const std::string& saga_name, const std::string& instance_id) = 0;
  virtual absl::StatusOr<std::vector<SagaRowCount>> Count() = 0;
};

// The storage that goes with `store`, which must outlive it: in its database,
// or in memory if it has none. In memory, `clock` tells when timers are due,
// and all users of one store must share one storage.
//
// Errors:
//   kFailedPrecondition  the tables (see SagaMigrations() and MigrateAll()) are
//                        missing, or older or newer than this library.
absl::StatusOr<std::shared_ptr<SagaStorage>> OpenSagaStorage(
    EventStore& store, Clock& clock = SystemClock());

}  // namespace stele

#endif  // STELE_SAGAS_SAGA_STORAGE_H_
