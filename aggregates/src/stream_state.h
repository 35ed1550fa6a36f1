#ifndef STELE_AGGREGATES_SRC_STREAM_STATE_H_
#define STELE_AGGREGATES_SRC_STREAM_STATE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "fold.h"
#include "stele/aggregates/aggregate_type.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// The state of one stream, as read from a store.
//
// Errors of both reads: kNotFound if the stream is tombstoned, those of
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

  const Fold& fold() const { return fold_; }
  Fold& fold() { return fold_; }

  // True iff the stream at `version` should have a newer snapshot.
  bool IsSnapshotDue(std::int64_t version) const;

  // Saves `fold`, a later state of this stream, as its snapshot. Failures are
  // only logged: a snapshot saves work, and its lack costs nothing else.
  void SaveSnapshot(const Fold& fold);

 private:
  absl::Status StartFromSnapshot();
  void Ignore(const Snapshot& snapshot, const char* why);

  EventStore& store_;
  const AggregateType& type_;
  std::string stream_id_;
  Fold fold_;
  std::int64_t snapshot_version_ = 0;  // 0 = no usable snapshot.
};

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_STREAM_STATE_H_
