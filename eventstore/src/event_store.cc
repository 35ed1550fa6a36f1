#include "stele/eventstore/event_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "stele/base/status.h"

namespace stele {

std::string ExpectedVersion::ToString() const {
  if (version_ == kAny) return "any version";
  if (version_ == kExists) return "an existing stream";
  if (version_ == kMalformed) return "a negative version";
  if (version_ == 0) return "no stream";
  return absl::StrCat("exactly ", version_);
}

absl::StatusOr<AppendResult> EventStore::Append(const AppendRequest& request) {
  STELE_ASSIGN_OR_RETURN(std::vector<AppendResult> results,
                         AppendAll(std::span(&request, 1)));
  return results.front();
}

}  // namespace stele
