#ifndef STELE_TESTING_GIVEN_H_
#define STELE_TESTING_GIVEN_H_

#include <google/protobuf/message.h>

#include <concepts>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/aggregates/aggregate_type.h"
#include "stele/aggregates/traits.h"

// Tests of deciders, without a database:
//
//   TEST(AccountDeciderTest, RefusesToOverdraw) {
//     Given<AccountDecider>(MakeAccountOpened({.owner = "Ada"}),
//                           MakeDeposited({.amount_cents = 50'00}))
//         .When(MakeWithdraw({.account_id = "ada", .amount_cents = 80'00}))
//         .ThenRejected("insufficient_funds");
//   }
//
// What is not as claimed is a failure of the GoogleTest that runs, at the line
// of When() (or of ThenState()), and says field by field what differs. The
// decider is called as a Dispatcher calls it: a command that creates is refused
// with "already_exists" after any event, and an exception is a failure.
namespace stele::testing {

namespace given_internal {

using Messages = std::vector<std::unique_ptr<google::protobuf::Message>>;

// Events by stored type, as in a decision.
using Events = std::vector<UntypedDecision::Event>;

template <typename E>
UntypedDecision::Event EventOf(const E& event) {
  return {std::string(EventTraits<E>::kType), std::make_unique<E>(event)};
}

// What is common to all deciders.
class Scenario {
 public:
  Scenario(const AggregateType& type, Events history);

  void Decide(const google::protobuf::Message& command,
              std::source_location where);

  void ExpectEvents(Events expected);
  void ExpectRejected(std::string_view reason);
  void ExpectState(const google::protobuf::Message& expected,
                   std::source_location where) const;

 private:
  absl::Status Fold(const Events& events);
  absl::StatusOr<UntypedDecision> DecideOnce(
      const google::protobuf::Message& command) const;
  void Fail(const std::string& what, std::source_location where) const;
  bool HasDecision();

  const AggregateType& type_;
  Events history_;
  std::unique_ptr<google::protobuf::Message> state_;
  absl::Status broken_;  // Why there is nothing to compare.
  std::unique_ptr<google::protobuf::Message> command_;
  UntypedDecision decision_;
  std::source_location where_;
};

template <typename Decider>
const AggregateType& TypeOf() {
  static const auto& type = *new AggregateType(MakeAggregateType<Decider>());
  return type;
}

}  // namespace given_internal

// A decision that was made, to be judged. ThenState() may follow another claim.
template <typename Decider>
class Decided {
 public:
  using State = typename Decider::Aggregate;

  explicit Decided(given_internal::Scenario scenario)
      : scenario_(std::move(scenario)) {}

  // Exactly these events, in this order.
  template <typename... Es>
  requires(sizeof...(Es) > 0) Decided& Then(const Es&... events) {
    given_internal::Events expected;
    (expected.push_back(given_internal::EventOf(events)), ...);
    scenario_.ExpectEvents(std::move(expected));
    return *this;
  }

  // Accepted, and nothing to record.
  Decided& ThenNothing() {
    scenario_.ExpectEvents({});
    return *this;
  }

  Decided& ThenRejected(std::string_view reason) {
    scenario_.ExpectRejected(reason);
    return *this;
  }

  // The state after the events that were decided.
  Decided& ThenState(
      const State& expected,
      std::source_location where = std::source_location::current()) {
    scenario_.ExpectState(expected, where);
    return *this;
  }

 private:
  given_internal::Scenario scenario_;
};

// The history that a decision is made on: all events of one aggregate.
template <typename Decider>
class Given {
 public:
  using State = typename Decider::Aggregate;
  using Event = typename AggregateTraits<State>::Event;

  template <typename... Es>
  requires(std::constructible_from<Event, const Es&>&&...) explicit Given(
      const Es&... events)
      : scenario_(given_internal::TypeOf<Decider>(), History(events...)) {}

  explicit Given(const std::vector<Event>& events)
      : scenario_(given_internal::TypeOf<Decider>(), History(events)) {}

  // Has the command decided, twice: a decider that gives two answers to the
  // same question is not pure, and fails.
  template <typename Command>
  requires std::same_as<typename CommandTraits<Command>::Aggregate, State>
  [[nodiscard]] Decided<Decider> When(
      const Command& command,
      std::source_location where = std::source_location::current()) && {
    scenario_.Decide(command, where);
    return Decided<Decider>(std::move(scenario_));
  }

  // The state that the history folds into.
  void ThenState(
      const State& expected,
      std::source_location where = std::source_location::current()) && {
    scenario_.ExpectState(expected, where);
  }

 private:
  template <typename... Es>
  static given_internal::Events History(const Es&... events) {
    given_internal::Events history;
    (history.push_back(given_internal::EventOf(events)), ...);
    return history;
  }
  static given_internal::Events History(const std::vector<Event>& events) {
    given_internal::Events history;
    for (const Event& event : events) {
      history.push_back(std::visit(
          [](const auto& e) { return given_internal::EventOf(e); }, event));
    }
    return history;
  }

  given_internal::Scenario scenario_;
};

}  // namespace stele::testing

#endif  // STELE_TESTING_GIVEN_H_
