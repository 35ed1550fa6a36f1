#ifndef STELE_AGGREGATES_AGGREGATE_DISPATCHER_H_
#define STELE_AGGREGATES_AGGREGATE_DISPATCHER_H_

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "stele/aggregates/aggregate_type.h"
#include "stele/aggregates/dispatcher.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/base/metrics.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/event_store.h"

namespace stele {

// Values out of bounds count as the nearest bound.
struct DispatcherOptions {
  // How often a command is decided again after another writer was faster,
  // before it fails with kAborted. 0 to 1000.
  int conflict_retries_max = 3;
  BackoffOptions conflict_backoff = {absl::Milliseconds(1),
                                     absl::Milliseconds(50)};

  // How often an append whose outcome is unknown is asked for again, with the
  // same event ids, before the command fails with kUnknown. 0 to 1000.
  int in_doubt_retries_max = 5;
  BackoffOptions in_doubt_backoff = {absl::Milliseconds(50), absl::Seconds(2)};

  // Most commands that wait for others of this process on their streams, over
  // all streams; more are refused with kResourceExhausted.
  int waiting_commands_max = 10'000;

  // These must outlive the dispatcher; null = the machine's clock, random ids,
  // no metrics.
  Clock* clock = nullptr;
  IdGenerator* ids = nullptr;
  Metrics* metrics = nullptr;

  // Waits between retries, on the thread of the caller. Null = sleeps.
  std::function<void(absl::Duration)> wait = nullptr;
};

// The dispatcher of this process's aggregates.
//
// Commands on one stream are decided one after another, in the order they came,
// so that a process does not make its own appends fail; only other processes,
// and DispatchIn(), can. A command that waited goes on from the state that the
// one before left, and does not read the stream.
//
// What a command costs, in round trips to the store:
//   creating    one: the append. Existence is the append's own check; if it
//               fails, a read of the first event. In DispatchIn() the read
//               comes first.
//   other       a read of the stream and the append; one more, to find the
//               snapshot, if the aggregate keeps snapshots.
//   conflict    a read of the missing events and the append, each time.
//   waited      the append; if refused, a read of what the state may lack.
//   refused     no append; but one look for the command id if the caller gave
//               one, since a repeated command must return its first receipt
//               even if the rules would refuse it now. An answer that is to be
//               remembered is appended instead.
//   repeated    a read of one event, to tell a remembered answer from the rest.
//   snapshot    one more after the append, once in `snapshot_every` events.
//
// A command is remembered by the events it wrote. One that wrote none, because
// it had nothing to change or was refused (and DispatchOptions did not ask for
// that answer to be remembered), is decided afresh when repeated. A remembered
// answer is an event of type "stele.CommandRefused" or
// "stele.CommandChangedNothing" in the aggregate's stream: it takes a version,
// but states know nothing of it, and an aggregate whose stream holds nothing
// else does not exist yet.
//
// Thread-safe.
class AggregateDispatcher : public Dispatcher {
 public:
  // Has commands on `type` go to it from now on.
  //
  // Errors:
  //   kInvalidArgument  malformed: a category or event type the store would
  //                     not take.
  //   kAlreadyExists    the aggregate, its category or one of its commands has
  //                     been added before.
  virtual absl::Status Add(AggregateType type) = 0;

  // True iff commands of this full message name have an aggregate here.
  virtual bool Handles(std::string_view command_type) const = 0;
};

// `store` must outlive the dispatcher.
std::unique_ptr<AggregateDispatcher> MakeDispatcher(
    EventStore& store, DispatcherOptions options = {});

}  // namespace stele

#endif  // STELE_AGGREGATES_AGGREGATE_DISPATCHER_H_
