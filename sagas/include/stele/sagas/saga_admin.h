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
  // command out and nothing of it parked, waits for an event or is stuck. One
  // that compensates has an undo out or is stuck: a minute is enough for it,
  // and timers do not count. One whose stream is closed waits for nothing.
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
  kGivenUp,  // An undo, by an operator: see SagaAdmin::SkipUndo().
};

struct SagaCommandLine {
  std::string command_id;  // As text.
  std::string type;
  std::string body;  // As JSON if the type is linked in, else in hex.
  bool is_undo = false;
  CommandOutcome outcome = CommandOutcome::kPending;
  std::string reason;  // Of the rejection.
};

// What SagaAdmin::SkipUndo() gives up.
struct SkippedUndo {
  SagaCommandLine undo;   // As it stood before.
  std::int64_t step = 0;  // That sent it.
  // It had been given up before, and the engine has yet to go on.
  bool was_asked_before = false;
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

  // Gives up the one undo that an instance is stuck at, because it is refused
  // or fails for ever, or because its answer was discarded: the compensation
  // goes on with the next one as if it had been carried out, once the saga's
  // engine comes to it. The saga's code is not asked. Other commands of the
  // step that sent it are still carried out. Asking again before the engine has
  // gone on changes nothing.
  //   kNotFound            there is no such saga or instance, or its stream is
  //                        closed.
  //   kFailedPrecondition  nothing is stuck, or not at an undo; it says at
  //   what. kAborted             the instance has gone on meanwhile: look
  //   again.
  absl::StatusOr<SkippedUndo> SkipUndo(const std::string& saga_name,
                                       const std::string& instance_id);

 private:
  EventStore& store_;
  SagaStorage& storage_;
};

}  // namespace stele

#endif  // STELE_SAGAS_SAGA_ADMIN_H_
