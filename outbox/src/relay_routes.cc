#include "stele/outbox/relay_routes.h"

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/outbox/broker.h"

namespace stele {

RelayRoutes& RelayRoutes::AddTo(std::string_view type, std::string_view topic) {
  topics_.insert_or_assign(std::string(type), std::string(topic));
  return *this;
}

void RelayRoutes::AddFromModel(std::string_view type, std::string_view topic) {
  if (topic_prefix_.empty()) {
    AddTo(type, topic);
  } else {
    AddTo(type, absl::StrCat(topic_prefix_, ".", ToAbsl(topic)));
  }
}

const std::string* RelayRoutes::TopicOf(std::string_view type) const {
  const auto found = topics_.find(type);
  return found == topics_.end() ? nullptr : &found->second;
}

std::vector<std::string> RelayRoutes::types() const {
  std::vector<std::string> types;
  types.reserve(topics_.size());
  for (const auto& [type, topic] : topics_) types.push_back(type);
  return types;
}

absl::Status RelayRoutes::Validate() const {
  for (const auto& [type, topic] : topics_) {
    if (const absl::Status valid = ValidateTopic(topic); !valid.ok())
      return Annotate(valid, absl::StrCat("route of ", type));
  }
  return absl::OkStatus();
}

}  // namespace stele
