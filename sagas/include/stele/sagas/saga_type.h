#ifndef STELE_SAGAS_SAGA_TYPE_H_
#define STELE_SAGAS_SAGA_TYPE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "stele/eventstore/event.h"
#include "stele/eventstore/recorded.h"
#include "stele/sagas/next.h"
#include "stele/sagas/traits.h"

namespace stele {

// A saga as the engine sees it: its names, and its handlers behind plain
// functions. Made by MakeSagaType(); a value, immutable once made.
//
// The functions return kDataLoss when stored bytes are not the message that
// their type names. They may throw what the user's code throws.
struct SagaType {
  using State = google::protobuf::Message;

  struct EventHandler {
    // The instance an event is about; empty = none.
    std::function<absl::StatusOr<std::string>(const RecordedEvent&)> key_of;
    std::function<absl::StatusOr<Next>(State&, const RecordedEvent&)> on;
  };
  using RejectionHandler = std::function<absl::StatusOr<Next>(
      State&, const std::string& payload, const std::string& reason)>;
  using TimerHandler = std::function<Next(State&, absl::Time due_at)>;

  std::string name;         // "Transfer"
  std::string category;     // Of its streams: "saga_Transfer".
  std::string state_type;   // Full name of its message.
  std::string start_event;  // Stored type of the event that begins it.
  std::map<std::string, EventHandler> events;          // By stored type.
  std::map<std::string, RejectionHandler> rejections;  // By full name.
  std::map<std::string, TimerHandler> timers;          // By name.
  std::function<std::unique_ptr<State>(std::string_view id)> new_state;
};

namespace sagas_internal {

absl::Status UnreadableEvent(const RecordedEvent& event);
absl::Status UnreadableCommand(std::string_view type);

template <typename E>
absl::StatusOr<E> ParseEvent(const RecordedEvent& event) {
  E message;
  if (!message.ParseFromString(event.payload)) return UnreadableEvent(event);
  return message;
}

template <typename Saga, typename E>
SagaType::EventHandler MakeEventHandler() {
  using State = typename Saga::State;
  return {
      .key_of = [](const RecordedEvent& event) -> absl::StatusOr<std::string> {
        absl::StatusOr<E> message = ParseEvent<E>(event);
        if (!message.ok()) return message.status();
        return SagaTraits<State>::KeyOf(Recorded<E>(*message, event));
      },
      .on = [](SagaType::State& state,
               const RecordedEvent& event) -> absl::StatusOr<Next> {
        absl::StatusOr<E> message = ParseEvent<E>(event);
        if (!message.ok()) return message.status();
        return Saga::On(static_cast<State&>(state),
                        Recorded<E>(*message, event));
      }};
}

template <typename Saga, typename Command>
SagaType::RejectionHandler MakeRejectionHandler() {
  return [](SagaType::State& state, const std::string& payload,
            const std::string& reason) -> absl::StatusOr<Next> {
    Command command;
    if (!command.ParseFromString(payload)) {
      return UnreadableCommand(Command::descriptor()->full_name());
    }
    return Saga::On(static_cast<typename Saga::State&>(state),
                    Rejected<Command>(command, reason));
  };
}

template <typename Saga, typename Timer>
SagaType::TimerHandler MakeTimerHandler() {
  return [](SagaType::State& state, absl::Time due_at) {
    return Saga::On(static_cast<typename Saga::State&>(state),
                    Elapsed<Timer>(due_at));
  };
}

}  // namespace sagas_internal

// Describes the saga that `Saga` drives: a struct with `using State = ...` and
// a static `On` for every event, rejection and timer named in the .proto.
template <typename Saga>
SagaType MakeSagaType() {
  using State = typename Saga::State;
  using Traits = SagaTraits<State>;
  static_assert(Traits::template kDrivenBy<Saga>,
                "The saga lacks an On() for an event, rejection or timer: the "
                "notes of the concept Drives<Saga> say which.");
  SagaType type;
  type.name = std::string(Traits::kName);
  type.category = std::string(Traits::kCategory);
  type.state_type = State::descriptor()->full_name();
  type.start_event = std::string(EventTraits<typename Traits::StartsOn>::kType);
  type.new_state = [](std::string_view instance_id) {
    auto state = std::make_unique<State>();
    Traits::SetId(*state, instance_id);
    return state;
  };
  Traits::ForEachEvent([&]<typename E>(std::type_identity<E>) {
    type.events.emplace(EventTraits<E>::kType,
                        sagas_internal::MakeEventHandler<Saga, E>());
  });
  Traits::ForEachCommand([&]<typename C>(std::type_identity<C>) {
    type.rejections.emplace(C::descriptor()->full_name(),
                            sagas_internal::MakeRejectionHandler<Saga, C>());
  });
  Traits::ForEachTimer([&]<typename T>(std::type_identity<T>) {
    type.timers.emplace(T::kName, sagas_internal::MakeTimerHandler<Saga, T>());
  });
  return type;
}

}  // namespace stele

#endif  // STELE_SAGAS_SAGA_TYPE_H_
