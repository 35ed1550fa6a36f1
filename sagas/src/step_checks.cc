#include "step_checks.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/broken_text.h"

namespace stele::sagas_internal {
namespace {

// Text that is no UTF-8 is written without complaint and cannot be read back:
// such a command could never be sent.
absl::Status CheckText(const SagaType& type, const SagaInstance& instance,
                       std::string_view what,
                       const google::protobuf::Message& message) {
  const std::string path = FindBrokenText(message);
  if (path.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "step ", instance.last.step() + 1, " of saga ", type.name, " ",
      Quoted(instance.id), ": field ", path, " of the ", ToAbsl(what), " ",
      message.GetDescriptor()->full_name(), " is not well-formed UTF-8"));
}

}  // namespace

absl::Status CheckCommands(const SagaType& type, const SagaInstance& instance,
                           const Next& next) {
  for (const auto& message : next.commands()) {
    STELE_RETURN_IF_ERROR(CheckText(type, instance, "command", *message));
  }
  for (const auto& message : next.undos()) {
    STELE_RETURN_IF_ERROR(CheckText(type, instance, "undo", *message));
  }
  return absl::OkStatus();
}

// Text that is no UTF-8 is written without complaint and cannot be read back.
absl::Status CheckReadable(const SagaType& type, const SagaInstance& instance,
                           const SagaStepped& step) {
  if (type.new_state(instance.id)->ParseFromString(step.state())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "step ", step.step(), " of saga ", type.name, " ", Quoted(instance.id),
      " leaves a state that could not be read again: a string field of ",
      type.state_type, " is not valid UTF-8"));
}

absl::Status CheckSize(const SagaType& type, const SagaInstance& instance,
                       const SagaStepped& step, std::int64_t steps_max) {
  const std::size_t bytes = step.ByteSizeLong();
  if (bytes > kMaxPayloadBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step ", step.step(), " of saga ", type.name, " ", Quoted(instance.id),
        " has ", bytes, " bytes, ", step.state().size(),
        " of them its state; at most ", kMaxPayloadBytes, " can be stored"));
  }
  if (step.step() > steps_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "saga ", type.name, " ", Quoted(instance.id), " would take more than ",
        steps_max, " steps: it probably goes round in circles"));
  }
  return absl::OkStatus();
}

}  // namespace stele::sagas_internal
