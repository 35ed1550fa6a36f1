#ifndef STELE_SAGAS_SRC_STORY_H_
#define STELE_SAGAS_SRC_STORY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stele/envelope.pb.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_admin.h"

namespace stele::sagas_internal {

// A message as JSON if its type is linked in and the bytes are one, else in
// hex.
std::string MessageText(const std::string& type, const std::string& bytes);

SagaCommandLine CommandLine(const StoredSagaCommand& command, bool is_undo);

// Reads the last `steps_max` steps of a stream into `story`, with the answers
// to their commands. `checkpoint` is how far the instance has been handled.
absl::Status ReadStory(EventStore& store, const std::string& stream_id,
                       std::int64_t checkpoint, std::int64_t steps_max,
                       SagaStory& story);

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_STORY_H_
