#ifndef STELE_OUTBOX_SRC_INBOX_LEASE_H_
#define STELE_OUTBOX_SRC_INBOX_LEASE_H_

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"

namespace stele::outbox_internal {

// The right to be the one inbox of its name that is at work.
//
// Not thread-safe: one thread at a time.
class InboxLease {
 public:
  // `store` must outlive it.
  InboxLease(EventStore& store, std::string inbox, std::string owner,
             absl::Duration lease);

  enum class Hold {
    kNobodys,  // Another process holds it.
    kTaken,    // Ours since this call: what others did is not known to us.
    kKept,     // Ours without a break.
  };

  // Takes or renews the lease when that is due.
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

  bool is_registered_ = false;
  bool is_due_ = true;
  std::chrono::steady_clock::time_point next_renewal_;
  std::optional<SlotLease> held_;
};

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_INBOX_LEASE_H_
