#ifndef STELE_OUTBOX_INBOX_H_
#define STELE_OUTBOX_INBOX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/backoff.h"
#include "stele/base/clock.h"
#include "stele/base/metrics.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/event_traits.h"
#include "stele/eventstore/transaction.h"
#include "stele/outbox/broker.h"
#include "stele/outbox/cloud_event.h"
#include "stele/outbox/inbox_storage.h"

namespace stele {

// A message of type E together with how it travelled. Read the message through
// `->`. Valid during the call it was handed to.
template <typename E>
class Inbound {
 public:
  // `event` and `message` must outlive this.
  Inbound(const E& event, const InboundMessage& message)
      : event_(&event), message_(&message) {}
  Inbound(const E&&, const InboundMessage&) = delete;
  Inbound(const E&, const InboundMessage&&) = delete;

  const E& operator*() const { return *event_; }
  const E* operator->() const { return event_; }
  const InboundMessage& message() const { return *message_; }
  const std::string& message_id() const { return message_->id; }
  const std::string& stream_id() const { return message_->stream_id; }

 private:
  const E* event_;
  const InboundMessage* message_;
};

// For a body whose bytes are no message of `type`: kDataLoss, marked, so that
// it is parked and not tried again by itself. Any other kDataLoss is: bytes
// that one release cannot read, the next one may.
absl::Status BrokenBodyError(std::string_view type);

// Does what a message asks for, within `tx`: SQL, or events appended. It is
// run again after a failed transaction, so it must have no effects elsewhere.
using InboxHandler =
    std::function<absl::Status(Transaction& tx, const InboundMessage& message)>;

// What becomes of a fresh message whose type has no handler.
enum class UnknownTypes {
  kSkip,  // Acknowledged and counted: it concerns others.
  kPark,  // Parked like one that fails, until a process has a handler.
};

struct InboxOptions {
  // The consumer group at the broker, and the name of what is remembered here.
  // Letters, digits, '_' and '-'. Never change it once messages were handled.
  std::string name = {};
  std::vector<std::string> topics = {};  // At least one.

  std::size_t fetch_messages_max = 100;  // Taken and not yet handled; >= 1.
  std::size_t message_bytes_max = kMaxPayloadBytes;

  // A message that fails is tried this many times in place, with `retry` waits
  // between, before it is parked; then again after `park_backoff` waits.
  int tries_before_parking = 3;  // >= 1.
  // The same for errors that should pass: see IsTransient().
  int transient_tries_before_parking = 8;  // >= 1.
  BackoffOptions retry = {absl::Milliseconds(20), absl::Seconds(5)};
  BackoffOptions park_backoff = {absl::Seconds(1), absl::Minutes(10)};
  // The inbox stops, rather than park more keys than this. >= 1.
  std::int64_t parked_keys_max = 1000;

  // While two releases run side by side, the older one may be at work: with
  // kSkip it drops what only the newer one handles, and RelayRange() has to
  // bring it back. kPark is for topics of which every type is to be handled.
  UnknownTypes unknown_types = UnknownTypes::kSkip;

  // Waits while the broker or the database is away: the circuit is open, and
  // nothing is fetched.
  BackoffOptions trouble = {absl::Milliseconds(50), absl::Seconds(10)};

  // Ids of handled messages are remembered for so long: longer than the broker
  // may take to deliver one again. > 0.
  absl::Duration retention = absl::Hours(30 * 24);

  // Of the process at work, 100 ms to 24 h. Renewed in time however long a
  // message takes.
  absl::Duration lease = absl::Seconds(10);
  // One try of a message that takes longer than this is taken to hang: the
  // lease is no longer renewed, so that another process may take over once the
  // try's transaction ends or is ended; the log says so, and stele_inbox_stuck
  // is 1. > 0.
  absl::Duration handle_time_max = absl::Minutes(10);
  absl::Duration stop_grace = absl::Seconds(5);  // For what was fetched; >= 0.

  // Null = OpenInboxStorage(). To be shared where the store is in memory.
  std::shared_ptr<InboxStorage> storage = nullptr;
  Clock* clock = nullptr;      // Null = SystemClock().
  Metrics* metrics = nullptr;  // Null = none. Both must outlive the inbox.
};

// How an inbox stands, from outside its thread.
struct InboxActivity {
  bool is_running = false;
  bool is_leader = false;        // False: another process is at work.
  bool is_circuit_open = false;  // Broker or database away; see `last_error`.
  bool is_stuck = false;         // Its handler hangs for `handle_time_max`.
  std::int64_t handled = 0;
  std::int64_t duplicates = 0;
  std::int64_t unhandled = 0;    // Of types nobody asked for.
  std::int64_t set_aside = 0;    // Parked or held, since the start.
  std::int64_t parked_keys = 0;  // Now, as last seen.
  absl::Status last_error;       // OK if the last step succeeded.
};

// Takes messages from a broker and has each handled exactly once in effect: the
// message's id, what its handler did and nothing else commit together, and only
// then is it acknowledged. A message that comes again is acknowledged without
// running anything.
//
// Messages of one key are handled in the order the broker delivers them. One
// that keeps failing, that is malformed or of broken bytes is parked in the
// store, raw and with its cause; later messages of its key are held behind it,
// in order, while other keys go on. Parked messages are tried again with
// back-off, malformed ones (and those whose handler says BrokenBodyError())
// only when an operator asks: see InboxStorage.
//
// A message fresh from the broker whose type has no handler is acknowledged and
// counted, and leaves no trace, also while its key is parked; or it is parked:
// see InboxOptions::unknown_types. One that is parked stays parked in a process
// that has no handler for it.
//
// Of several inboxes of one name, in one or many processes, one is at work and
// the others stand by: it holds a lease "inbox/<name>" in the store, and each
// of its transactions is refused once that is lost.
//
// Metrics, all with label inbox=<name>: stele_inbox_handled_total,
// stele_inbox_duplicates_total, stele_inbox_unhandled_total,
// stele_inbox_parked_total, stele_inbox_failures_total,
// stele_inbox_handle_seconds, stele_inbox_parked_keys,
// stele_inbox_circuit_open and stele_inbox_stuck.
//
// Thread-safe but for On(), OnType() and Run().
class Inbox {
 public:
  // `store` and `broker` must outlive it. `owner` is unique among inboxes of
  // this name. Neither broker nor database need be reachable yet.
  //
  // Errors: kInvalidArgument for options that cannot be.
  static absl::StatusOr<std::unique_ptr<Inbox>> Create(EventStore& store,
                                                       Broker& broker,
                                                       InboxOptions options,
                                                       std::string owner);
  virtual ~Inbox() = default;

  // Has `handler` called with messages of type E: (Transaction&, const
  // Inbound<E>&) to absl::Status. One handler a type, given before Run(); the
  // last one given for a type holds.
  template <typename E, typename Handler>
  Inbox& On(Handler handler) {
    return OnType(EventTraits<E>::kType, [handler = std::move(handler)](
                                             Transaction& tx,
                                             const InboundMessage& message) {
      E event;
      if (!event.ParseFromString(message.body))
        return BrokenBodyError(EventTraits<E>::kType);
      return absl::Status(handler(tx, Inbound<E>(event, message)));
    });
  }

  // The same for a "ce-type" that has no C++ type.
  virtual Inbox& OnType(std::string_view type, InboxHandler handler) = 0;

  // Works until Stop() or an error that waiting does not mend. Called once.
  //
  // Errors:
  //   kResourceExhausted   too many keys are parked.
  //   kFailedPrecondition  the store's schema or the broker's set-up is wrong.
  virtual absl::Status Run() = 0;

  // Makes Run() return once the messages already fetched are handled, or given
  // back after `stop_grace`. Returns at once.
  virtual void Stop() = 0;

  virtual InboxActivity Activity() const = 0;
};

}  // namespace stele

#endif  // STELE_OUTBOX_INBOX_H_
