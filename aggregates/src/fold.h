#ifndef STELE_AGGREGATES_SRC_FOLD_H_
#define STELE_AGGREGATES_SRC_FOLD_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "stele/aggregates/aggregate_type.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// The state of one stream as its events are folded into it, one by one.
//
// Not thread-safe: one thread at a time.
class Fold {
 public:
  // Before the first event. `type` must outlive the fold.
  explicit Fold(const AggregateType& type);

  const google::protobuf::Message& state() const { return *state_; }
  std::unique_ptr<google::protobuf::Message> TakeState() {
    return std::move(state_);
  }
  std::int64_t version() const { return version_; }  // 0 = before the first.

  // False as long as nothing was folded in but answers to commands, refusals
  // say: they are in the stream, and count as versions, but the aggregate does
  // not exist.
  bool exists() const { return exists_; }

  // A fold that goes its own way from here.
  Fold Copy() const;

  // Goes on from the state of a snapshot. False, and back at the beginning, if
  // its bytes are not a state.
  bool StartFrom(const Snapshot& snapshot);

  // Folds the next event of the stream in. The answer to a command leaves the
  // state as it is.
  //
  // Errors:
  //   kDataLoss  its type is unknown, its bytes are corrupt, or it is not the
  //              next one; names stream, version, position and type.
  //   kInternal  Evolve() threw.
  absl::Status Apply(const RecordedEvent& event);

  // Folds an event in that is about to be appended, by the bytes that will be
  // stored: proof that they can be read again and evolved with.
  //
  // Errors: kInvalidArgument names the field that is not UTF-8; kInternal.
  absl::Status ApplyNew(const UntypedDecision::Event& event,
                        const std::string& payload);

  // The same for the answer to a command.
  void ApplyNewAnswer() { ++version_; }

 private:
  // Where events of a type are parsed into, again and again.
  google::protobuf::Message& ScratchFor(const AggregateType::Event& event);

  const AggregateType* type_;
  std::unique_ptr<google::protobuf::Message> state_;
  std::int64_t version_ = 0;
  bool exists_ = false;
  absl::flat_hash_map<const AggregateType::Event*,
                      std::unique_ptr<google::protobuf::Message>>
      scratch_;
};

}  // namespace stele

#endif  // STELE_AGGREGATES_SRC_FOLD_H_
