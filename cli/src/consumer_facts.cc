#include "consumer_facts.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"

namespace stele::cli {
namespace {

constexpr std::string_view kInboxPrefix = "inbox/";

}  // namespace

absl::StatusOr<ConsumerStatus> FindConsumer(EventStore& store,
                                            const std::string& name) {
  STELE_ASSIGN_OR_RETURN(std::vector<ConsumerStatus> consumers,
                         store.consumers().List());
  for (ConsumerStatus& consumer : consumers) {
    if (consumer.name == name) return std::move(consumer);
  }
  return absl::NotFoundError(
      absl::StrCat("consumer ", Quoted(name),
                   " is not registered; see stele consumers list"));
}

std::int64_t LeastPosition(const ConsumerStatus& consumer) {
  const auto least =
      std::min_element(consumer.slots.begin(), consumer.slots.end(),
                       [](const SlotStatus& a, const SlotStatus& b) {
                         return a.position < b.position;
                       });
  return least == consumer.slots.end() ? 0 : least->position;
}

std::vector<std::string> Owners(const ConsumerStatus& consumer) {
  std::vector<std::string> owners;
  for (const SlotStatus& slot : consumer.slots) {
    if (!slot.owner.empty()) owners.push_back(slot.owner);
  }
  std::sort(owners.begin(), owners.end());
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  return owners;
}

bool IsInbox(const std::string& consumer) {
  return consumer.rfind(kInboxPrefix, 0) == 0;
}

std::string InboxName(const std::string& consumer) {
  return consumer.substr(kInboxPrefix.size());
}

}  // namespace stele::cli
