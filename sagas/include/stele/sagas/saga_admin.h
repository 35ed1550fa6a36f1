#ifndef STELE_SAGAS_SAGA_ADMIN_H_
#define STELE_SAGAS_SAGA_ADMIN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_storage.h"

namespace stele {

struct SagaQuery {
  std::string saga = {};                            // Empty = all.
  std::optional<SagaStatus> status = std::nullopt;  // Unset = any.
  std::int64_t limit = 1000;                        // 1 to 100'000.

  // A running instance that has not changed for longer, with no timer, no
  // command out and nothing of it parked, waits for an event or is stuck.
  absl::Duration stuck_after = absl::Hours(24);
};

// One instance in a list.
struct SagaSummary {
  SagaRow row;
  SagaStatus status = SagaStatus::kActive;  // kParked if its key is.
  std::string parked_cause = {};            // Empty unless parked.
  // Sent by a step that is not yet behind us. Also true while that cannot be
  // told, since more than 10,000 steps of the saga are not.
  bool has_commands_out = false;
  bool may_be_stuck = false;
};

struct SagaCounts {
  std::string saga;
  std::int64_t active = 0;
  std::int64_t compensating = 0;
  std::int64_t completed = 0;
  std::int64_t compensated = 0;
  std::int64_t parked = 0;  // Of those counted above, and any never started.
};

enum class CommandOutcome {
  kPending,  // Not yet known to have been answered.
  kAccepted,
  kRejected,
};

struct SagaCommandLine {
  std::string command_id;  // As text.
  std::string type;
  std::string body;  // As JSON if the type is linked in, else in hex.
  bool is_undo = false;
  CommandOutcome outcome = CommandOutcome::kPending;
  std::string reason;  // Of the rejection.
};

struct SagaTimerLine {
  std::string name;
  absl::Time due_at;
};

// One step of an instance's story.
struct SagaStepLine {
  std::int64_t step = 0;
  std::int64_t version = 0;   // In its stream.
  std::int64_t position = 0;  // In the log.
  absl::Time recorded_at;
  std::string input;  // "bank.Withdrawn at 12", "timer payment_timeout", ...
  std::int64_t input_position = 0;
  SagaStatus status = SagaStatus::kActive;
  std::string reason;
  std::string state;  // As JSON if the type is linked in, else in hex.
  std::vector<SagaCommandLine> commands;
  std::vector<SagaTimerLine> timers;  // Started by this step.
  std::vector<std::string> cancelled_timers;
  std::string correlation_id;
};

struct SagaStory {
  SagaSummary summary;
  std::vector<SagaTimerLine> waiting_timers;
  std::vector<SagaCommandLine> undo_stack;  // The next one first.
  std::vector<SagaStepLine> steps;          // At most `steps_max`, the last.
};

// What can be known of sagas from outside: works on the store alone, with no
// user code and no process of the service running.
//
// Errors: those of the store. Thread-safe.
class SagaAdmin {
 public:
  // Both must outlive it.
  SagaAdmin(EventStore& store, SagaStorage& storage)
      : store_(store), storage_(storage) {}

  // Those that have changed longest ago first.
  absl::StatusOr<std::vector<SagaSummary>> List(const SagaQuery& query);

  absl::StatusOr<std::vector<SagaCounts>> Count();

  //   kNotFound  there is no such instance.
  absl::StatusOr<SagaStory> Show(const std::string& saga_name,
                                 const std::string& instance_id,
                                 std::int64_t steps_max = 1000);

 private:
  EventStore& store_;
  SagaStorage& storage_;
};

}  // namespace stele

#endif  // STELE_SAGAS_SAGA_ADMIN_H_
