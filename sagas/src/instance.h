#ifndef STELE_SAGAS_SRC_INSTANCE_H_
#define STELE_SAGAS_SRC_INSTANCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "stele/envelope.pb.h"
#include "stele/eventstore/event.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_type.h"

namespace stele::sagas_internal {

inline constexpr std::string_view kSteppedType = "stele.SagaStepped";
inline constexpr std::string_view kElapsedType = "stele.SagaTimerElapsed";
inline constexpr std::string_view kGivenUpType = "stele.SagaUndoGivenUp";

// One saga instance as its stream tells it.
struct SagaInstance {
  std::string id;
  std::string stream_id;
  std::int64_t version = 0;    // Of the stream; 0 = there is none.
  bool is_tombstoned = false;  // Closed by an operator: swallows all input.
  SagaStepped last;            // The last step; empty if there was none.
  EventMetadata metadata;      // Of the last step.
  std::unique_ptr<google::protobuf::Message> state;  // Null until it starts.
  std::string given_up_command_id;  // The undo given up since the last step.

  bool has_started() const { return last.step() > 0; }
  bool has_ended() const {
    return last.status() == SAGA_STATUS_COMPLETED ||
           last.status() == SAGA_STATUS_COMPENSATED;
  }
};

bool IsEnd(StoredSagaStatus status);

// Reads the instance from its stream: the last step holds all of it.
//   kDataLoss  the step or the state in it cannot be read.
absl::StatusOr<SagaInstance> LoadInstance(EventStore& store,
                                          const SagaType& type,
                                          std::string_view id);

absl::StatusOr<SagaStepped> ParseStep(const RecordedEvent& event);
absl::StatusOr<SagaTimerElapsed> ParseElapsed(const RecordedEvent& event);
absl::StatusOr<SagaUndoGivenUp> ParseGivenUp(const RecordedEvent& event);

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_INSTANCE_H_
