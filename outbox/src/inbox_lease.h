#ifndef STELE_OUTBOX_SRC_INBOX_LEASE_H_
#define STELE_OUTBOX_SRC_INBOX_LEASE_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/base/clock.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/lease_keeper.h"
#include "stele/eventstore/transaction.h"
#include "stele/outbox/inbox.h"

namespace stele::outbox_internal {

// The right to be the one inbox of its name that is at work. From the first
// Keep() to Release() it is renewed by a thread of its own: neither a message
// that takes long nor the waits between its tries lose it.
//
// Not thread-safe: one thread at a time.
class InboxLease {
 public:
  // `store` and `clock` must outlive it. `on_stuck`: see LeaseKeeperOptions.
  InboxLease(EventStore& store, const InboxOptions& options, std::string owner,
             Clock& clock, std::function<void(const absl::Status&)> on_stuck);

  enum class Hold {
    kNobodys,  // Another process holds it.
    kTaken,    // Ours since this call: what others did is not known to us.
    kKept,     // Ours without a break.
  };

  // Takes or renews the lease when that is due. Shows that the inbox is alive,
  // as Fence() does.
  absl::StatusOr<Hold> Keep();

  // Makes `tx` fail with kAborted unless the lease is still ours.
  absl::Status Fence(Transaction& tx);

  // Has the next Keep() ask the store, whenever it comes.
  void Doubt() { is_due_ = true; }

  void Release();

 private:
  EventStore& store_;
  const std::string name_;
  const std::string owner_;
  const absl::Duration lease_;

  LeaseKeeper keeper_;

  bool is_keeping_ = false;
  bool is_registered_ = false;
  bool is_due_ = true;
  std::chrono::steady_clock::time_point next_renewal_;
  std::optional<SlotLease> held_;
};

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_INBOX_LEASE_H_
