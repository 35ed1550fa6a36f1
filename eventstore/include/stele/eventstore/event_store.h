#ifndef STELE_EVENTSTORE_EVENT_STORE_H_
#define STELE_EVENTSTORE_EVENT_STORE_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/event.h"

namespace stele {

class ConsumerStorage;
class Transaction;

// The version a stream must be at for an append to go ahead.
class ExpectedVersion {
 public:
  static constexpr ExpectedVersion Any() { return ExpectedVersion(kAny); }
  static constexpr ExpectedVersion NoStream() { return ExpectedVersion(0); }
  static constexpr ExpectedVersion StreamExists() {
    return ExpectedVersion(kExists);
  }
  // Exactly(0) is NoStream(). A negative version is refused by the store.
  static constexpr ExpectedVersion Exactly(std::int64_t version) {
    return ExpectedVersion(version < 0 ? kMalformed : version);
  }

  // True iff a stream whose last version is `actual` (0 = no stream) will do.
  constexpr bool Accepts(std::int64_t actual) const {
    if (version_ == kAny) return true;
    if (version_ == kExists) return actual > 0;
    return version_ == actual;
  }
  // True iff one version is named, so that the version alone guards against a
  // repeated append.
  constexpr bool is_exact() const { return version_ >= 0; }
  constexpr bool is_valid() const { return version_ != kMalformed; }
  // The number the store's SQL speaks: >= 0 exactly, -1 any, -2 exists.
  constexpr std::int64_t raw() const { return version_; }
  std::string ToString() const;  // "exactly 3", "no stream", ...

  friend constexpr bool operator==(ExpectedVersion, ExpectedVersion) = default;

 private:
  static constexpr std::int64_t kAny = -1;
  static constexpr std::int64_t kExists = -2;
  static constexpr std::int64_t kMalformed = -3;
  constexpr explicit ExpectedVersion(std::int64_t version)
      : version_(version) {}
  std::int64_t version_;
};

struct AppendRequest {
  std::string stream_id = {};
  ExpectedVersion expected_version = ExpectedVersion::Any();
  // 1 to kMaxEventsPerAppend, with distinct ids.
  std::vector<NewEvent> events = {};

  // The command these events answer. A second append to the stream with the
  // same command id writes nothing and returns the first one's result.
  std::optional<Uuid> command_id = std::nullopt;
};

// How many events of a stream are looked through for those of an append.
inline constexpr std::int64_t kRecentEvents = 100;

struct AppendResult {
  std::int64_t first_version = 0;  // Of the first event of the append.
  std::int64_t version = 0;        // Of the last.
  std::int64_t position = 0;       // Of the last.
  bool was_duplicate = false;      // It was already there; nothing was written.
};

enum class Direction { kForwards, kBackwards };

struct ReadStreamRequest {
  std::string stream_id = {};
  Direction direction = Direction::kForwards;
  // The first version to visit. Unset: the beginning (forwards) or the end
  // (backwards).
  std::optional<std::int64_t> from_version = std::nullopt;
  std::int64_t limit = 1'000'000'000;  // Most events to visit, >= 0.
};

struct ReadLogRequest {
  std::int64_t after_position = 0;  // Exclusive.
  std::int64_t limit = 1000;        // Most events to visit, > 0.
  // Only these stream categories and event types; empty = all of them.
  std::vector<std::string> categories = {};
  std::vector<std::string> types = {};
  // Most positions to look through, > 0: bounds a read whose filter passes
  // little. It then ends before the head, at the position it came to.
  std::int64_t positions_max = std::numeric_limits<std::int64_t>::max();
};

// How far a read of the log came.
struct LogProgress {
  // All events up to here that pass the filter have been visited. Read on from
  // here; never smaller than the request's `after_position`.
  std::int64_t position = 0;
  bool at_head = false;  // There was nothing more when the read ended.
};

struct StreamInfo {
  std::int64_t version = 0;  // 0 = no such stream.
  std::int64_t last_position = 0;
  bool is_tombstoned = false;
};

// The state of a stream at some version, kept to save replaying it.
struct Snapshot {
  std::string stream_id = {};
  std::int64_t version = 0;  // Of the last event folded into it; >= 1.
  // Of state schema and fold; see aggregates. At most 256 bytes of UTF-8.
  std::string fingerprint = {};
  std::string state = {};  // Serialized state message, at most 64 MiB.
};

// An append-only log of events, grouped into streams.
//
// A stream is the history of one thing: one account, one order. An append is
// atomic, over all its streams, and a reader never sees part of it. The log
// holds the events of all streams by position; within a stream, position order
// is version order. Readers of the log see every committed event once and in
// order: the log ends (its head) where an append may still be in flight.
//
// Errors: any method may return kUnavailable (the store cannot be reached),
// kDeadlineExceeded, kInvalidArgument (a malformed request), kPermissionDenied
// (the database role lacks a right), kFailedPrecondition (the schema is not
// there or not this library's) or kInternal (an error of the server that none
// of these fits). Only other errors are listed below.
//
// No method throws. An exception of `visit` or `work` ends the call as
// kInternal (IsHandlerThrew()); libpqxx's from `work` as
// postgres::StatusFromException() says.
//
// Thread-safe. Visitors run on the calling thread; they may call the store.
class EventStore {
 public:
  virtual ~EventStore() = default;

  // Appends to one stream, or to several in one atomic append (each stream at
  // most once). Results are in the order of the requests.
  //
  // Asking again is harmless: where a stream has the events already, with these
  // ids and one behind the other, nothing is written, and the result says where
  // they are, with `was_duplicate` set. A conflict it is if only some of them
  // are there, or in another order, or only those of some streams. Looked for
  // are
  //   - what the same call, expectations included, appended: however old;
  //   - events appended without a version being named and without a command
  //     id: however old;
  //   - the stream's last kRecentEvents events.
  // Whoever names the version that a stream is at is taken to know what is up
  // to there: only the stream's very last event is compared with the call's.
  //
  // A version is a number, and says nothing of the events that led to it. After
  // a restore or a failover that took events from a stream, an append that was
  // decided on them is refused while the stream is shorter than they made it,
  // and taken once others have made it exactly as long. So whoever has decided
  // on what it read is stopped before anybody appends to a restored store.
  //
  // Errors:
  //   kAborted             a stream is not at its expected version, or has some
  //                        of the events; the status carries a VersionConflict.
  //                        Nothing was written.
  //   kDeadlineExceeded    another session held a stream for too long. Nothing
  //                        was written. Appends to other streams do not wait
  //                        for that.
  //                        The same goes for another session that registers
  //                        the event type or category but does not commit.
  //   kFailedPrecondition  a stream is tombstoned, or an event changes an
  //                        inline projection that this process does not have:
  //                        see Projections::store(). Nothing was written.
  //   kResourceExhausted   `waiting_appends_max` appends are waiting already.
  //                        Nothing was written; slow down.
  //   kCancelled           the store is closing. Nothing was written.
  //   kUnknown             in doubt: the connection broke during the commit, so
  //                        the events may or may not be there. Ask again with
  //                        the same ids.
  virtual absl::StatusOr<std::vector<AppendResult>> AppendAll(
      std::span<const AppendRequest> requests) = 0;
  absl::StatusOr<AppendResult> Append(const AppendRequest& request);

  // Calls `visit` with each event of one stream, in version order or backwards,
  // and stops at the first call that does not return OK, returning its status.
  // A stream that does not exist is an empty one, not an error.
  //
  // Errors:
  //   kNotFound  the stream is tombstoned.
  //   kDataLoss  a stored row cannot be read back.
  virtual absl::Status ReadStream(
      const ReadStreamRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) = 0;

  // Calls `visit` with the events of the log after a position, in position
  // order, up to the head. Stops like ReadStream(). The events of tombstoned
  // streams are still in the log.
  //
  // Errors:
  //   kDataLoss  the position is beyond the last event, or the log went back
  //              during the call (see Epoch()); or a stored row cannot be read
  //              back.
  virtual absl::StatusOr<LogProgress> ReadLog(
      const ReadLogRequest& request,
      absl::FunctionRef<absl::Status(RecordedEvent)> visit) = 0;

  // The position up to which the log is complete and will never change.
  virtual absl::StatusOr<std::int64_t> Head() = 0;

  // Waits until the head is beyond `position` or `deadline` has passed by the
  // machine's clock, and returns the head. Returns early, with kCancelled, when
  // Interrupt() is called, and with kDataLoss when the log goes back meanwhile.
  virtual absl::StatusOr<std::int64_t> WaitForHead(std::int64_t position,
                                                   absl::Time deadline) = 0;

  // Makes all WaitForHead() calls that are waiting now return kCancelled. That
  // happens whenever anything on this store is being stopped, a subscription or
  // a consumer: whoever is not stopping calls again.
  virtual void Interrupt() = 0;

  virtual absl::StatusOr<StreamInfo> GetStream(
      const std::string& stream_id) = 0;

  // What an earlier append to this stream with this command id returned, with
  // `was_duplicate` set; nullopt if there was none.
  virtual absl::StatusOr<std::optional<AppendResult>> FindCommand(
      const std::string& stream_id, const Uuid& command_id) = 0;

  // Closes a stream for ever: it can no longer be appended to or read as a
  // stream. Closing it again is harmless. Errors as for AppendAll(), and
  //   kNotFound  there is no such stream.
  virtual absl::Status Tombstone(const std::string& stream_id,
                                 ExpectedVersion expected_version) = 0;

  // The newest snapshot of a stream, nullopt if there is none. Saving replaces
  // an older one; a snapshot of an older version than the stored one is
  // ignored. Errors of saving:
  //   kNotFound            there is no such stream, or it is tombstoned.
  //   kFailedPrecondition  the stream has not come to that version: the state
  //   is
  //                        of events that are not, or no longer, there.
  virtual absl::StatusOr<std::optional<Snapshot>> LoadSnapshot(
      const std::string& stream_id) = 0;
  virtual absl::Status SaveSnapshot(const Snapshot& snapshot) = 0;

  // Runs `work` in one transaction of the store: what it appends and writes
  // commits together when it returns OK, and is rolled back when it does not.
  // `work` may be run again after a serialization failure or a deadlock, so it
  // must have no effects of its own. It may read from the store, but must not
  // append to it or begin another transaction of it: on the same thread that is
  // refused at once, with kFailedPrecondition; on another one that it waits
  // for, it may wait until it is given up.
  //
  // Errors: those of `work`; kUnknown as for AppendAll(); kAborted when the
  // server kept rolling it back on account of others; kAlreadyExists and
  // further ones of `work`'s own SQL.
  virtual absl::Status Transact(
      absl::FunctionRef<absl::Status(Transaction&)> work) = 0;

  // Checkpoints, leases and parked keys of consumers; lives with the store.
  virtual ConsumerStorage& consumers() = 0;

  // Identifies the history that the log tells. Changes, also while the store is
  // open, when the log went back: its database was restored, or failed over
  // without the last commits. Positions and versions beyond what was kept may
  // then stand for other events, so whoever keeps a position outside of the
  // store keeps the epoch with it and compares. What was read before this call
  // belongs to the epoch it returns or to an earlier one.
  virtual absl::StatusOr<Uuid> Epoch() = 0;
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_EVENT_STORE_H_
