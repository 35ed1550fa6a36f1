#include "stele/aggregates/aggregate_type.h"

#include "absl/strings/str_cat.h"
#include "fingerprint.h"
#include "stele/base/check.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"

namespace stele {

using google::protobuf::Message;

AggregateType::AggregateType(Parts parts)
    : parts_(std::move(parts)),
      name_(parts_.state->GetDescriptor()->full_name()),
      fingerprint_(StateFingerprint(*parts_.state->GetDescriptor(),
                                    parts_.fold_version)) {
  for (std::size_t i = 0; i < parts_.commands.size(); ++i) {
    STELE_CHECK(commands_by_type_.emplace(parts_.commands[i].type, i).second);
  }
  for (std::size_t i = 0; i < parts_.events.size(); ++i) {
    STELE_CHECK(events_by_type_.emplace(parts_.events[i].type, i).second);
  }
}

const AggregateType::Command* AggregateType::FindCommand(
    const std::string& type) const {
  const auto it = commands_by_type_.find(type);
  return it == commands_by_type_.end() ? nullptr : &parts_.commands[it->second];
}

const AggregateType::Event* AggregateType::FindEvent(
    const std::string& type) const {
  const auto it = events_by_type_.find(type);
  return it == events_by_type_.end() ? nullptr : &parts_.events[it->second];
}

absl::StatusOr<UntypedDecision> AggregateType::Decide(
    const Command& command, const Message& state,
    const Message& message) const {
  auto decision =
      InvokeUser(command.type, [&]() -> absl::StatusOr<UntypedDecision> {
        return command.decide(state, message);
      });
  if (decision.ok()) return decision;
  return Annotate(decision.status(), absl::StrCat("decider of ", name_));
}

absl::Status AggregateType::Evolve(const Event& event, Message& state,
                                   const Message& message) const {
  const absl::Status status = InvokeUser(event.type, [&] {
    event.evolve(state, message);
    return absl::OkStatus();
  });
  if (status.ok()) return status;
  return Annotate(status, absl::StrCat("decider of ", name_));
}

}  // namespace stele
