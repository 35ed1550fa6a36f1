#include "postgres/append/busy_names.h"

#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"

namespace stele::postgres_store {

absl::Status BusyNameError(std::string_view name) {
  return absl::DeadlineExceededError(absl::StrCat(
      "appending: another session is registering ", Quoted(name),
      " and has not committed that for too long; nothing was written"));
}

void BusyNames::Add(const std::vector<std::string_view>& names) {
  names_.insert(names.begin(), names.end());
}

void BusyNames::EraseAllOf(AppendUnit unit) {
  if (names_.empty()) return;
  for (const AppendRequest& request : unit) {
    names_.erase(std::string(CategoryOf(request.stream_id)));
    for (const NewEvent& event : request.events) names_.erase(event.type);
  }
}

std::optional<std::string> BusyNames::FindIn(AppendUnit unit) const {
  if (names_.empty()) return std::nullopt;
  for (const AppendRequest& request : unit) {
    const auto category =
        names_.find(std::string(CategoryOf(request.stream_id)));
    if (category != names_.end()) return *category;
    for (const NewEvent& event : request.events) {
      const auto type = names_.find(event.type);
      if (type != names_.end()) return *type;
    }
  }
  return std::nullopt;
}

}  // namespace stele::postgres_store
