#include "call_user.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "stele/base/invoke_user.h"
#include "stele/base/strings.h"

namespace stele::sagas_internal {
namespace {

std::string HandlerName(const SagaType& type, std::string_view input) {
  return absl::StrCat("saga ", type.name, " on ", ToAbsl(input));
}

absl::StatusOr<Next> CallEventHandler(const SagaType& type,
                                      SagaInstance& instance,
                                      const RecordedEvent& event) {
  const auto handler = type.events.find(event.type);
  if (handler == type.events.end()) return UnreadableEvent(event);
  return InvokeUser(HandlerName(type, event.type),
                    [&] { return handler->second.on(*instance.state, event); });
}

absl::StatusOr<Next> CallRejectionHandler(const SagaType& type,
                                          SagaInstance& instance,
                                          const SagaInput& input) {
  const auto handler = type.rejections.find(input.command->type());
  if (handler == type.rejections.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "command ", input.command->type(), " of saga ", type.name, " ",
        Quoted(instance.id), " was rejected (", input.answer.reason(),
        "), and the saga has no handler for that: name the command in "
        "`sends`"));
  }
  return InvokeUser(
      HandlerName(type, "rejected " + input.command->type()), [&] {
        return handler->second(*instance.state, input.command->payload(),
                               input.answer.reason());
      });
}

absl::StatusOr<Next> CallTimerHandler(const SagaType& type,
                                      SagaInstance& instance,
                                      const StoredSagaTimer& timer) {
  const auto handler = type.timers.find(timer.name());
  if (handler == type.timers.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "timer ", Quoted(timer.name()), " of saga ", type.name, " ",
        Quoted(instance.id), " has run out, and the saga knows no such timer"));
  }
  const absl::Time due_at = absl::FromUnixMicros(timer.due_at_micros());
  return InvokeUser(HandlerName(type, "elapsed " + timer.name()),
                    [&]() -> absl::StatusOr<Next> {
                      return handler->second(*instance.state, due_at);
                    });
}

}  // namespace

absl::StatusOr<Next> CallUser(const SagaType& type, SagaInstance& instance,
                              const SagaInput& input) {
  if (input.elapsed != nullptr) {
    return CallTimerHandler(type, instance, *input.elapsed);
  }
  if (input.answer.accepted() || input.answer.given_up()) {
    return Continue();  // An undo; ours alone.
  }
  if (input.command == nullptr) {
    return CallEventHandler(type, instance, *input.event);
  }
  return CallRejectionHandler(type, instance, input);
}

}  // namespace stele::sagas_internal
