#ifndef STELE_AGGREGATES_SRC_STREAM_STATE_H_
#define STELE_AGGREGATES_SRC_STREAM_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fold.h"
#include "stele/aggregates/aggregate_type.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// The state of one stream, as read from a store.
//
// Errors of all reads: kNotFound if the stream is tombstoned, those of
// Fold::Apply(), and those of the store.
//
// Not thread-safe: one thread at a time.
class StreamState {
 public:
  // `store` and `type` must outlive this.
  StreamState(EventStore& store, const AggregateType& type,
              std::string stream_id);

  // Reads the newest usable snapshot, if the aggregate keeps any, and the
  // events after it.
  absl::Status Load();

  // Reads the events written since the last read.
  absl::Status CatchUp();

  // Reads on for as long as there are only refusals of commands. True if the
  // aggregate exists: then there may be more to read than was read here.
  absl::StatusOr<bool> LookForExistence();

  const Fold& fold() const { return fold_; }
  std::unique_ptr<google::protobuf::Message> TakeState() {
    return fold_.TakeState();
  }

  // Goes on from `fold`, a later state of this stream that was appended.
  void Advance(Fold fold) { fold_ = std::move(fold); }

  // The snapshot to be saved of the state as it is now, if it is time for one;
  // it counts as saved from here on.
  std::optional<Snapshot> TakeDueSnapshot();

 private:
  absl::Status StartFromSnapshot();
  void Ignore(const Snapshot& snapshot, const char* why);

  EventStore& store_;
  const AggregateType& type_;
  std::string stream_id_;
  Fold fold_;
  std::int64_t snapshot_version_ = 0;  // 0 = no usable snapshot.
};

// Saves `snapshot`. Failures are only logged: a snapshot saves work, and its
// lack costs nothing else.
void SaveSnapshot(EventStore& store, const Snapshot& snapshot);

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_STREAM_STATE_H_
