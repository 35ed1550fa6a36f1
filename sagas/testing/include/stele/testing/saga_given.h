#ifndef STELE_TESTING_SAGA_GIVEN_H_
#define STELE_TESTING_SAGA_GIVEN_H_

#include <google/protobuf/message.h>

#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "stele/eventstore/event.h"
#include "stele/sagas/saga_type.h"
#include "stele/sagas/traits.h"

namespace stele {
template <typename State>
struct AggregateTraits;  // In stele/aggregates/traits.h.
}  // namespace stele

// Tests of sagas, without a database and without waiting:
//
//   TEST(TransfersTest, RefundsWhenTheDepositIsRefused) {
//     GivenSaga<Transfers>("t-1")
//         .OnFrom("account-ada", MakeTransferRequested({...}))
//         .ThenSends(MakeWithdraw({...}))
//         .OnFrom("account-ada", MakeWithdrawn({...}))
//         .ThenSends(MakeDeposit({...}))
//         .OnRejected(MakeDeposit({...}), "not_open")
//         .ThenCompensates("not_open")
//         .ThenUndoes(MakeRefund({...}));
//   }
//
// Each On...() is one step; each Then...() judges the step before it. What is
// not as claimed is a failure of the GoogleTest that runs, at the line of the
// claim (of ThenSends() and ThenUndoes(): of the On...() before it), and says
// what differs. The steps are taken by the engine's own code:
// late and repeated input is dropped as it would be, and an exception is a
// failure.
namespace stele::testing {

namespace saga_given_internal {

using Messages = std::vector<std::unique_ptr<google::protobuf::Message>>;

// What is common to all sagas.
class SagaScript {
 public:
  SagaScript(const SagaType& type, std::string id);
  SagaScript(SagaScript&&) noexcept;
  ~SagaScript();

  void Event(std::string stream_id, std::string type,
             const google::protobuf::Message& event,
             std::source_location where);
  void Rejected(const google::protobuf::Message& command,
                std::string_view reason, std::source_location where);
  void Elapsed(std::string_view timer, std::source_location where);

  void ExpectSends(const Messages& expected, std::source_location where);
  void ExpectTimer(std::string_view name, absl::Duration after,
                   std::source_location where);
  void ExpectNoTimer(std::string_view name, std::source_location where);
  void ExpectWaits(std::source_location where);
  void ExpectCompletes(std::source_location where);
  void ExpectCompensates(std::string_view reason, std::source_location where);
  void ExpectUndoes(const Messages& expected, std::source_location where);
  void ExpectDropped(std::string_view why, std::source_location where);
  void ExpectState(const google::protobuf::Message& expected,
                   std::source_location where);

 private:
  struct Story;
  std::unique_ptr<Story> story_;
};

template <typename Saga>
const SagaType& TypeOf() {
  static const auto& type = *new SagaType(MakeSagaType<Saga>());
  return type;
}

template <typename... Ms>
Messages Copies(const Ms&... messages) {
  Messages copies;
  (copies.push_back(std::make_unique<Ms>(messages)), ...);
  return copies;
}

}  // namespace saga_given_internal

// One instance of a saga, led through its life step by step.
template <typename Saga>
class GivenSaga {
 public:
  using State = typename Saga::State;
  using Where = std::source_location;

  explicit GivenSaga(std::string id, Where where = Where::current())
      : id_(id),
        script_(saga_given_internal::TypeOf<Saga>(), std::move(id)),
        step_(where) {}

  // An event comes, from the stream with the saga's own id ...
  template <typename E>
  GivenSaga& On(const E& event, Where where = Where::current()) {
    using Aggregate = typename EventTraits<E>::Aggregate;
    return OnFrom(MakeStreamId(AggregateTraits<Aggregate>::kCategory, id_),
                  event, where);
  }
  // ... or from the stream that is named.
  template <typename E>
  GivenSaga& OnFrom(std::string stream_id, const E& event,
                    Where where = Where::current()) {
    step_ = where;
    script_.Event(std::move(stream_id), std::string(EventTraits<E>::kType),
                  event, where);
    return *this;
  }
  // The command, which was the last of its kind to be sent, is refused.
  template <typename Command>
  GivenSaga& OnRejected(const Command& command, std::string_view reason,
                        Where where = Where::current()) {
    step_ = where;
    script_.Rejected(command, reason, where);
    return *this;
  }
  // A timer that waits runs out.
  template <typename Timer>
  GivenSaga& OnElapsed(Where where = Where::current()) {
    step_ = where;
    script_.Elapsed(Timer::kName, where);
    return *this;
  }

  // The step sends exactly these commands, in this order; undos not counted.
  template <typename... Commands>
  GivenSaga& ThenSends(const Commands&... commands) {
    return Sends(saga_given_internal::Copies(commands...), step_);
  }
  GivenSaga& ThenSendsNothing(Where where = Where::current()) {
    return Sends({}, where);
  }
  // The step starts the timer.
  template <typename Timer>
  GivenSaga& ThenTimer(absl::Duration after, Where where = Where::current()) {
    script_.ExpectTimer(Timer::kName, after, where);
    return *this;
  }
  // The timer does not wait after the step.
  template <typename Timer>
  GivenSaga& ThenNoTimer(Where where = Where::current()) {
    script_.ExpectNoTimer(Timer::kName, where);
    return *this;
  }
  // The saga goes on and has not ended.
  GivenSaga& ThenWaits(Where where = Where::current()) {
    script_.ExpectWaits(where);
    return *this;
  }
  GivenSaga& ThenCompletes(Where where = Where::current()) {
    script_.ExpectCompletes(where);
    return *this;
  }
  GivenSaga& ThenCompensates(std::string_view reason,
                             Where where = Where::current()) {
    script_.ExpectCompensates(reason, where);
    return *this;
  }
  // Carries the undos out, one after another; they are exactly these, in this
  // order, and the saga ends compensated.
  template <typename... Commands>
  GivenSaga& ThenUndoes(const Commands&... commands) {
    script_.ExpectUndoes(saga_given_internal::Copies(commands...), step_);
    return *this;
  }
  // The input was no step: "late", "repeated", "already_started",
  // "unknown_instance" or "timer_cancelled".
  GivenSaga& ThenDropped(std::string_view why, Where where = Where::current()) {
    script_.ExpectDropped(why, where);
    return *this;
  }
  GivenSaga& ThenState(const State& expected, Where where = Where::current()) {
    script_.ExpectState(expected, where);
    return *this;
  }

 private:
  GivenSaga& Sends(const saga_given_internal::Messages& commands, Where where) {
    script_.ExpectSends(commands, where);
    return *this;
  }

  std::string id_;
  saga_given_internal::SagaScript script_;
  Where step_;  // Of the last On...().
};

}  // namespace stele::testing

#endif  // STELE_TESTING_SAGA_GIVEN_H_
