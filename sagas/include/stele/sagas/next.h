#ifndef STELE_SAGAS_NEXT_H_
#define STELE_SAGAS_NEXT_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace stele {

// What a saga wants to happen next. A saga returns this and does none of it:
// the new state, the commands and the timers are recorded together in one
// append, and carried out from that record.
//
//   return stele::Continue();
//   return stele::Send(MakeReserveStock({...}))
//       .Undo(MakeReleaseStock({...}))
//       .StartTimer<OrderFulfilmentPaymentTimeout>(absl::Minutes(15));
//   return stele::Compensate("payment_declined");
//   return stele::Complete();
//
// A value type. Not thread-safe.
class [[nodiscard]] Next {
 public:
  enum class Outcome { kContinue, kComplete, kCompensate };

  struct TimerChange {
    std::string name;
    std::optional<absl::Duration> after;  // nullopt = cancel.
  };

  Next() = default;

  // Has `command` dispatched once this step is durable. It carries an id made
  // from (saga, step, ordinal), so that it takes effect once however often the
  // step is carried out.
  Next& Send(const google::protobuf::Message& command) &;
  Next Send(const google::protobuf::Message& command) &&;

  // Remembers `command` as what undoes this step. Compensate() sends all of
  // these, the latest first, each after the one before was carried out. It is
  // sent whatever became of the step's own commands, so it must be harmless
  // when there is nothing to undo. An undo that is refused parks the instance.
  Next& Undo(const google::protobuf::Message& command) &;
  Next Undo(const google::protobuf::Message& command) &&;

  // (Re)starts the timer T: On(saga, Elapsed<T>) is called `after` from now by
  // the database's clock, never earlier, unless the timer is cancelled or
  // started anew before. At once if `after` <= 0; longer ones than 100 years,
  // infinite too, count as 100 years.
  template <typename T>
  Next& StartTimer(absl::Duration after) & {
    return ChangeTimer(T::kName, after);
  }
  template <typename T>
  Next StartTimer(absl::Duration after) && {
    return std::move(ChangeTimer(T::kName, after));
  }
  template <typename T>
  Next& CancelTimer() & {
    return ChangeTimer(T::kName, std::nullopt);
  }
  template <typename T>
  Next CancelTimer() && {
    return std::move(ChangeTimer(T::kName, std::nullopt));
  }

  // Of AndComplete() and AndCompensate() the last called holds.

  // Ends the saga after the commands of this step. Its timers are cancelled;
  // input that still comes is counted and dropped. Only the rejection of one of
  // those last commands is still handed to it: it stays complete, unless it
  // then compensates or starts a timer.
  Next& AndComplete() &;
  Next AndComplete() &&;

  // Undoes what was done, after the commands of this step; then ends the saga
  // as compensated. What comes meanwhile is still handed to it, and may send
  // commands or add undos, but cannot call the compensation off.
  Next& AndCompensate(std::string_view reason) &;
  Next AndCompensate(std::string_view reason) &&;

  Outcome outcome() const { return outcome_; }
  const std::string& reason() const { return reason_; }
  using Messages =
      std::vector<std::shared_ptr<const google::protobuf::Message>>;
  const Messages& commands() const { return commands_; }
  const Messages& undos() const { return undos_; }
  const std::vector<TimerChange>& timers() const { return timers_; }

 private:
  Next& ChangeTimer(std::string_view name, std::optional<absl::Duration> after);

  Outcome outcome_ = Outcome::kContinue;
  std::string reason_;
  Messages commands_;
  Messages undos_;
  std::vector<TimerChange> timers_;
};

// The usual beginnings of a Next.
Next Continue();
Next Complete();
Next Send(const google::protobuf::Message& command);
Next Compensate(std::string_view reason);
template <typename T>
Next StartTimer(absl::Duration after) {
  return Next().StartTimer<T>(after);
}

// The answer "no" to a command the saga sent.
template <typename Command>
class Rejected {
 public:
  // `command` and `reason` must outlive this.
  Rejected(const Command& command, const std::string& reason)
      : command_(&command), reason_(&reason) {}
  Rejected(const Command&&, const std::string&) = delete;
  Rejected(const Command&, const std::string&&) = delete;

  const Command& operator*() const { return *command_; }
  const Command* operator->() const { return command_; }
  const std::string& reason() const { return *reason_; }

 private:
  const Command* command_;
  const std::string* reason_;
};

// The timer T of a saga has run out.
template <typename T>
class Elapsed {
 public:
  explicit Elapsed(absl::Time due_at) : due_at_(due_at) {}
  absl::Time due_at() const { return due_at_; }

 private:
  absl::Time due_at_;
};

}  // namespace stele

#endif  // STELE_SAGAS_NEXT_H_
