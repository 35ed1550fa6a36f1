#ifndef STELE_SAGAS_SRC_FOLD_H_
#define STELE_SAGAS_SRC_FOLD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "instance.h"
#include "stele/base/uuid.h"
#include "stele/envelope.pb.h"
#include "stele/sagas/next.h"
#include "stele/sagas/saga_type.h"

namespace stele::sagas_internal {

// Something to be handled by one instance: an event of the log, and what of it.
// Everything it points to must outlive it.
struct SagaInput {
  const RecordedEvent* event = nullptr;
  // The answer to a command of `event`, which is then a step of the instance.
  // An undo may also be given up by an event of its own; `command` is null.
  const StoredSagaCommand* command = nullptr;
  StoredSagaAnswer answer = {};
  bool is_last_word = false;  // That step had ended the saga.
  // The timer that has run out.
  const StoredSagaTimer* elapsed = nullptr;
};

// What became of an input.
enum class Verdict {
  kStep,       // A step is to be taken.
  kRepeated,   // It has been handled before.
  kStarted,    // A start event of an instance that is there already.
  kLate,       // The instance has ended.
  kUnknown,    // There is no such instance, and the event does not start one.
  kCancelled,  // A timer that was cancelled or started anew.
};
inline constexpr int kVerdicts = 6;
std::string_view VerdictName(Verdict verdict);

// True iff `instance` has handled the event before, with all that came of it.
bool IsRepeated(const SagaInstance& instance, const RecordedEvent& event);

// Decides, without the user's code, whether `instance` takes `input`, whose
// event is not a repeated one.
Verdict Judge(const SagaType& type, const SagaInstance& instance,
              const SagaInput& input);

// A step to be appended. Its new timers have no due time yet: `due_at_micros`
// is 0 until the transaction's clock is known.
struct StepDraft {
  SagaStepped step;
  EventMetadata metadata;
  struct NewTimer {
    std::string name;
    absl::Duration after;
  };
  std::vector<NewTimer> new_timers;  // `set_version` is the step's version.
  std::int64_t version = 0;          // It will have in the stream.
};

// Has the user's code handle `input`, makes its answer a step, and moves
// `instance` on. After an error `instance` must be thrown away.
//
// REQUIRES: Judge() said kStep.
// Errors:
//   kInternal         the user's code threw.
//   kDataLoss         stored bytes cannot be read.
//   kInvalidArgument  the step is too large to be stored, or is one too many,
//                     or text in its state or commands is not UTF-8.
absl::StatusOr<StepDraft> TakeStep(const SagaType& type, SagaInstance& instance,
                                   const SagaInput& input,
                                   std::int64_t steps_max);

// The id of the `ordinal`-th command decided in a step: always the same one.
Uuid CommandId(std::string_view stream_id, std::int64_t version, int ordinal);

// Gives the new timers of consecutive drafts of one instance their due times.
void SetDueTimes(std::vector<StepDraft>& drafts, absl::Time now);

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_FOLD_H_
