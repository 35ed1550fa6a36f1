#ifndef STELE_OUTBOX_INBOX_STORAGE_H_
#define STELE_OUTBOX_INBOX_STORAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"
#include "stele/outbox/broker.h"

namespace stele {

// A received message set aside, because it could not be handled or because an
// earlier one of its key could not.
struct ParkedMessage {
  std::int64_t id = 0;    // Given by the storage, in the order of arrival.
  std::string key;        // Of a message without one: empty; it holds no other.
  BrokerMessage message;  // As received.
  // kDataLoss: what is kept is no message any more, and `message` is empty. It
  // fails when it is tried, until its bytes are put back or it is discarded.
  absl::Status read_error;

  // The first of its key is tried again; later ones are held behind it.
  bool is_held = false;
  std::string cause;  // The last error; empty while held.
  int tries = 0;
  absl::Time parked_at;
  absl::Time next_try;  // InfiniteFuture() = only when an operator asks.
};

// What an inbox remembers, beside the events of the store: the ids of messages
// it has handled, so that none counts twice, and the parked ones.
//
// Errors: kUnavailable, and those listed. Thread-safe. Methods that take a
// Transaction take part in it; all others commit at once.
class InboxStorage {
 public:
  virtual ~InboxStorage() = default;

  // ---- For the inbox --------------------------------------------------------

  // Notes that `message_id` is handled; false if it was before.
  virtual absl::StatusOr<bool> Claim(Transaction& tx, const std::string& inbox,
                                     const std::string& message_id,
                                     absl::Time now) = 0;

  // True iff messages of `key` are parked. They stay so until `tx` ends.
  virtual absl::StatusOr<bool> IsParked(Transaction& tx,
                                        const std::string& inbox,
                                        const std::string& key) = 0;

  // Adds a message behind all others; `parked.id` is of no meaning.
  virtual absl::Status Park(Transaction& tx, const std::string& inbox,
                            const ParkedMessage& parked) = 0;

  // Takes hold of a parked message until `tx` ends; false if it is gone.
  virtual absl::StatusOr<bool> Lock(Transaction& tx, const std::string& inbox,
                                    std::int64_t id) = 0;

  // Writes back cause, tries and next try.
  virtual absl::Status Update(Transaction& tx, const std::string& inbox,
                              const ParkedMessage& parked) = 0;

  // Removes a message; the next one of its key, no longer held, is due `now`.
  virtual absl::Status Unpark(Transaction& tx, const std::string& inbox,
                              const ParkedMessage& parked, absl::Time now) = 0;

  // The message longest due for another try.
  virtual absl::StatusOr<std::optional<ParkedMessage>> NextDue(
      const std::string& inbox, absl::Time now) = 0;

  // ---- For operators --------------------------------------------------------

  // Parked messages in order of arrival, from `after_id` (exclusive) on.
  virtual absl::StatusOr<std::vector<ParkedMessage>> List(
      const std::string& inbox, std::int64_t after_id = 0,
      std::int64_t limit = 1000) = 0;

  // How many keys wait; a message without one counts as a key.
  virtual absl::StatusOr<std::int64_t> CountParkedKeys(
      const std::string& inbox) = 0;

  // Has a parked message tried again at once. kNotFound if it is not parked;
  // kFailedPrecondition if it is held behind another.
  virtual absl::Status Retry(const std::string& inbox, std::int64_t id) = 0;

  // Drops a parked message for good; the next one of its key is tried. Errors
  // as for Retry().
  virtual absl::Status Discard(const std::string& inbox, std::int64_t id) = 0;

  // Forgets ids of messages handled before `before`, at most `limit` of them,
  // and returns how many. A broker that delivers one of them again is then
  // believed.
  virtual absl::StatusOr<std::int64_t> Prune(const std::string& inbox,
                                             absl::Time before,
                                             std::int64_t limit = 10'000) = 0;
};

// The storage that belongs to `store`, which must outlive it: tables in its
// schema (see OutboxMigrations()), or memory for a store in memory. What is
// kept in memory lives as long as this object: share it among the inboxes of a
// test.
//
//   kFailedPrecondition  the tables are missing, or older or newer than this
//                        library.
absl::StatusOr<std::unique_ptr<InboxStorage>> OpenInboxStorage(
    EventStore& store);

}  // namespace stele

#endif  // STELE_OUTBOX_INBOX_STORAGE_H_
