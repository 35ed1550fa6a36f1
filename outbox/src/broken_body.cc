#include "broken_body.h"

#include <string_view>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"
#include "stele/outbox/inbox.h"

namespace stele {
namespace {

constexpr char kBrokenBody[] = "stele.broken_body";

}  // namespace

absl::Status BrokenBodyError(std::string_view type) {
  absl::Status status = absl::DataLossError(
      absl::StrCat("the body is no message of type ", ToAbsl(type)));
  status.SetPayload(kBrokenBody, absl::Cord());
  return status;
}

namespace outbox_internal {

bool IsBrokenBody(const absl::Status& status) {
  return status.GetPayload(kBrokenBody).has_value();
}

}  // namespace outbox_internal
}  // namespace stele
