#ifndef STELE_AGGREGATES_AGGREGATE_TYPE_H_
#define STELE_AGGREGATES_AGGREGATE_TYPE_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/aggregates/decision.h"
#include "stele/aggregates/traits.h"

namespace stele {

// A Decision whose event types are known at run time only.
struct UntypedDecision {
  struct Event {
    std::string type;  // As stored, "bank.Deposited".
    std::unique_ptr<google::protobuf::Message> message;
  };
  std::optional<Rejection> rejection;  // If set, there are no events.
  std::vector<Event> events;
};

// A decider without its types: what the library needs to know of an aggregate
// in order to load it, have it decide and keep snapshots of it. Made by
// MakeAggregateType(); nobody writes one by hand.
//
// A value type. Thread-compatible.
class AggregateType {
 public:
  struct Command {
    std::string type;      // Full name of the message.
    bool creates = false;  // Refused unless the stream does not exist yet.
    const google::protobuf::Message* prototype = nullptr;
    std::function<std::string(const google::protobuf::Message& command)> id;
    std::function<UntypedDecision(const google::protobuf::Message& state,
                                  const google::protobuf::Message& command)>
        decide;
  };

  struct Event {
    std::string type;  // As stored.
    const google::protobuf::Message* prototype = nullptr;
    std::function<void(google::protobuf::Message& state,
                       const google::protobuf::Message& event)>
        evolve;
  };

  struct Parts {
    std::string category;
    int snapshot_every = 0;  // Events between snapshots; 0 = none.
    int fold_version = 0;
    const google::protobuf::Message* state = nullptr;  // The empty state.
    std::vector<Command> commands;
    std::vector<Event> events;
  };

  explicit AggregateType(Parts parts);

  const std::string& name() const { return name_; }  // "bank.Account".
  const std::string& category() const { return parts_.category; }
  int snapshot_every() const { return parts_.snapshot_every; }
  const google::protobuf::Message& empty_state() const { return *parts_.state; }

  // Of the schema of the state, with all that it refers to, and of the
  // decider's fold version. A snapshot with another one is of no use.
  const std::string& fingerprint() const { return fingerprint_; }

  const std::vector<Command>& commands() const { return parts_.commands; }
  const std::vector<Event>& events() const { return parts_.events; }
  const Command* FindCommand(const std::string& type) const;  // Null if none.
  const Event* FindEvent(const std::string& type) const;      // Null if none.

  // Run the user's code on messages of the right types. kInternal if it throws.
  absl::StatusOr<UntypedDecision> Decide(
      const Command& command, const google::protobuf::Message& state,
      const google::protobuf::Message& message) const;
  absl::Status Evolve(const Event& event, google::protobuf::Message& state,
                      const google::protobuf::Message& message) const;

 private:
  Parts parts_;
  std::string name_;
  std::string fingerprint_;
  absl::flat_hash_map<std::string, std::size_t> commands_by_type_;
  absl::flat_hash_map<std::string, std::size_t> events_by_type_;
};

namespace aggregates_internal {

template <typename Decider, typename C>
UntypedDecision Decide(const google::protobuf::Message& state,
                       const google::protobuf::Message& command) {
  using State = typename Decider::Aggregate;
  const auto decision = Decider::Decide(static_cast<const State&>(state),
                                        static_cast<const C&>(command));
  UntypedDecision untyped;
  if (decision.is_rejected()) {
    untyped.rejection = decision.rejection();
    return untyped;
  }
  for (const auto& event : decision.events()) {
    std::visit(
        [&untyped]<typename E>(const E& e) {
          untyped.events.push_back(
              {std::string(EventTraits<E>::kType), std::make_unique<E>(e)});
        },
        event);
  }
  return untyped;
}

template <typename Decider, typename C>
AggregateType::Command CommandOf() {
  using Traits = CommandTraits<C>;
  return {.type = C::descriptor()->full_name(),
          .creates = Traits::kCreates,
          .prototype = &C::default_instance(),
          .id =
              [](const google::protobuf::Message& command) {
                return std::string(Traits::Id(static_cast<const C&>(command)));
              },
          .decide = Decide<Decider, C>};
}

template <typename Decider, typename E>
AggregateType::Event EventOf() {
  using State = typename Decider::Aggregate;
  return {.type = std::string(EventTraits<E>::kType),
          .prototype = &E::default_instance(),
          .evolve = [](google::protobuf::Message& state,
                       const google::protobuf::Message& event) {
            Decider::Evolve(static_cast<State&>(state),
                            static_cast<const E&>(event));
          }};
}

}  // namespace aggregates_internal

// The type-erased form of a decider:
//
//   struct AccountDecider {
//     using Aggregate = bank::Account;
//     static constexpr int kFoldVersion = 2;  // Optional; default 0.
//     static AccountDecision Decide(const Account&, const Deposit&); ...
//     static void Evolve(Account&, const Deposited&); ...
//   };
//
// Raise kFoldVersion whenever an Evolve() changes what it makes of an event, so
// that snapshots folded by the old one are not used any more.
template <typename Decider>
AggregateType MakeAggregateType() {
  using State = typename Decider::Aggregate;
  using Traits = AggregateTraits<State>;
  static_assert(Traits::template kDecidedBy<Decider>,
                "The decider lacks an overload of Decide() or Evolve(): see "
                "the concept that the generated header has for its aggregate.");
  AggregateType::Parts parts;
  parts.category = std::string(Traits::kCategory);
  parts.snapshot_every = Traits::kSnapshotEvery;
  if constexpr (requires { Decider::kFoldVersion; }) {
    parts.fold_version = Decider::kFoldVersion;
  }
  parts.state = &State::default_instance();
  Traits::ForEachCommand([&parts]<typename C>(std::type_identity<C>) {
    parts.commands.push_back(aggregates_internal::CommandOf<Decider, C>());
  });
  Traits::ForEachEvent([&parts]<typename E>(std::type_identity<E>) {
    parts.events.push_back(aggregates_internal::EventOf<Decider, E>());
  });
  return AggregateType(std::move(parts));
}

}  // namespace stele

#endif  // STELE_AGGREGATES_AGGREGATE_TYPE_H_
