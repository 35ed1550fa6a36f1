#ifndef STELE_SAGAS_SRC_COMMAND_RUNNER_H_
#define STELE_SAGAS_SRC_COMMAND_RUNNER_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine_metrics.h"
#include "stele/aggregates/dispatcher.h"
#include "stele/envelope.pb.h"
#include "stele/eventstore/event.h"

namespace stele::sagas_internal {

// A step met in the log, and how its commands were answered.
struct StepCommands {
  const RecordedEvent* event = nullptr;  // The step; must outlive this.
  SagaStepped step;
  std::vector<StoredSagaAnswer> answers;  // One for each command, in order.
  bool is_undo_given_up = false;  // Its undo is not to be sent any more.
};

// Part of every error of RunAll() that a command is the cause of: which one.
std::string PlaceOf(const RecordedEvent& event,
                    const StoredSagaCommand& command, bool is_undo);

// Carries out the commands of steps. Doing it again is harmless, for their ids
// are those of the step.
//
// Thread-safe.
class CommandRunner {
 public:
  // All must outlive it.
  CommandRunner(Dispatcher& dispatcher, const std::string& saga,
                EngineMetrics& metrics)
      : dispatcher_(dispatcher), saga_(saga), metrics_(metrics) {}

  // Runs each group's steps one after another, and at most `parallel` groups at
  // the same time. Returns the first error by order of the groups:
  //   kUnavailable, kAborted, kUnknown, kDeadlineExceeded, kResourceExhausted,
  //   kCancelled           try again.
  //   kFailedPrecondition  an undo was refused.
  //   others               the command can never be carried out.
  absl::Status RunAll(std::span<std::vector<StepCommands>* const> groups,
                      int parallel);

 private:
  absl::Status RunGroup(std::vector<StepCommands>& group);
  absl::Status RunStep(StepCommands& work);
  absl::StatusOr<StoredSagaAnswer> RunOne(const StepCommands& work,
                                          const EventMetadata& metadata,
                                          const StoredSagaCommand& command);

  Dispatcher& dispatcher_;
  const std::string& saga_;
  EngineMetrics& metrics_;
};

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_COMMAND_RUNNER_H_
