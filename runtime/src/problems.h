#ifndef STELE_RUNTIME_SRC_PROBLEMS_H_
#define STELE_RUNTIME_SRC_PROBLEMS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace stele {

// Collects what is wrong with several parts, so that all of it is said at once.
//
// Not thread-safe: one thread at a time.
class Problems {
 public:
  // Notes `status` unless it is OK; of several lines, each is noted.
  void Note(const std::string& part, const absl::Status& status);

  // OK, or one line for each problem. Its code is the one they share, else
  // kFailedPrecondition.
  absl::Status Summary() const;

 private:
  absl::StatusCode code_ = absl::StatusCode::kOk;
  std::vector<std::string> lines_;
};

}  // namespace stele

#endif  // STELE_RUNTIME_SRC_PROBLEMS_H_
