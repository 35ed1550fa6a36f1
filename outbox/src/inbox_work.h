#ifndef STELE_OUTBOX_SRC_INBOX_WORK_H_
#define STELE_OUTBOX_SRC_INBOX_WORK_H_

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "inbox_lease.h"
#include "stele/outbox/inbox.h"

namespace stele::outbox_internal {

// How a message ended. In each case it may be acknowledged.
enum class Outcome {
  kHandled,
  kDuplicate,  // It had been handled, or parked, before.
  kUnhandled,  // Nobody asked for its type.
  kHeld,       // An earlier one of its key is parked.
  kParked,
};

// Handles one message at a time, in transactions fenced by the lease.
//
// Not thread-safe: one thread at a time.
class InboxWork {
 public:
  using Handlers = std::map<std::string, InboxHandler, std::less<>>;
  // Waits, and returns false if the inbox is stopping.
  using Wait = std::function<bool(absl::Duration)>;
  // Is told of each failed try: the message's id, its key, what is wrong.
  using OnFailure = std::function<void(std::string_view, std::string_view,
                                       const absl::Status&)>;

  // All must outlive it.
  InboxWork(EventStore& store, InboxStorage& storage, InboxLease& lease,
            const InboxOptions& options, const Handlers& handlers, Clock& clock,
            Wait wait, OnFailure on_failure);

  // Handles a message fresh from the broker. An error means that nothing of it
  // happened, for reasons that are not the message's: hand it in again.
  //
  //   kResourceExhausted  memory or disk ran out, or, and then has_given_up(),
  //                       it ought to be parked but too many are.
  absl::StatusOr<Outcome> HandleNew(const BrokerMessage& message);

  // Too many keys are parked: trying again would not help.
  bool has_given_up() const { return has_given_up_; }

  // Tries parked messages that are due: one, and more of them until `until`.
  // Errors as above.
  absl::Status RetryDue(std::chrono::steady_clock::time_point until);

 private:
  struct Read;  // A message, as far as it can be read.

  void Failed(const Read& read, const absl::Status& failure) const;
  absl::StatusOr<Outcome> TryOnce(const Read& read, absl::Status& failure);
  absl::StatusOr<Outcome> SetAside(const Read& read, const absl::Status& cause,
                                   int tries);
  absl::Status RetryOne(const ParkedMessage& parked);
  absl::Status Invoke(Transaction& tx, const InboundMessage& message);
  int TriesFor(const absl::Status& failure) const;
  absl::Time NextTry(const absl::Status& cause, int tries) const;

  // Runs `work` in a transaction that fails unless the lease is ours.
  absl::Status Transact(absl::FunctionRef<absl::Status(Transaction&)> work);

  EventStore& store_;
  InboxStorage& storage_;
  InboxLease& lease_;
  const InboxOptions& options_;
  const Handlers& handlers_;
  Clock& clock_;
  const Wait wait_;
  const OnFailure on_failure_;
  bool has_given_up_ = false;
};

}  // namespace stele::outbox_internal

#endif  // STELE_OUTBOX_SRC_INBOX_WORK_H_
