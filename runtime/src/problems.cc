#include "problems.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace stele {

void Problems::Note(const std::string& part, const absl::Status& status) {
  if (status.ok()) return;
  const bool is_first = code_ == absl::StatusCode::kOk;
  if (is_first || code_ == status.code()) {
    code_ = status.code();
  } else {
    code_ = absl::StatusCode::kFailedPrecondition;
  }
  for (const auto line : absl::StrSplit(status.message(), '\n')) {
    lines_.push_back(absl::StrCat(part, ": ", line));
  }
}

absl::Status Problems::Summary() const {
  return absl::Status(code_, absl::StrJoin(lines_, "\n"));
}

}  // namespace stele
