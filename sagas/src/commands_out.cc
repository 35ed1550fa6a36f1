#include "commands_out.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "instance.h"
#include "stele/base/status.h"
#include "stele/eventstore/consumer.h"

namespace stele::sagas_internal {
namespace {

constexpr std::int64_t kStepsMax = 10'000;

// A step that cannot be read may have sent anything.
bool MaySendCommands(const RecordedEvent& event) {
  const absl::StatusOr<SagaStepped> step = ParseStep(event);
  return !step.ok() || !step->commands().empty();
}

}  // namespace

absl::Status CommandsOut::Load(EventStore& store, const std::string& saga,
                               std::span<const SlotStatus> slots) {
  if (slots.empty()) return absl::OkStatus();
  std::map<int, std::int64_t> positions;
  std::int64_t least = slots.front().position;
  for (const SlotStatus& slot : slots) {
    positions[slot.slot] = slot.position;
    least = std::min(least, slot.position);
  }
  STELE_ASSIGN_OR_RETURN(
      const LogProgress progress,
      store.ReadLog(
          {.after_position = least,
           .limit = kStepsMax,
           .categories = {absl::StrCat("saga_", saga)},
           .types = {std::string(kSteppedType)}},
          [&](RecordedEvent event) {
            std::string id(IdOf(event.stream_id));
            const int slot = SlotOf(id, static_cast<int>(slots.size()));
            if (event.position > positions[slot] && MaySendCommands(event)) {
              instances_.insert(std::move(id));
            }
            return absl::OkStatus();
          }));
  is_partial_ = !progress.at_head;
  return absl::OkStatus();
}

}  // namespace stele::sagas_internal
