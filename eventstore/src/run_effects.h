#ifndef STELE_EVENTSTORE_SRC_RUN_EFFECTS_H_
#define STELE_EVENTSTORE_SRC_RUN_EFFECTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stele/base/invoke_user.h"
#include "stele/base/log.h"
#include "stele/base/strings.h"

namespace stele {

// Runs what Transaction::OnCommit() was given, all of it. The commit stands
// whatever they do, so one that throws is only told of in the log.
inline void RunEffects(const std::vector<std::function<void()>>& effects) {
  for (const auto& effect : effects) {
    const absl::Status ran = InvokeUser("an effect of a commit", [&effect] {
      effect();
      return absl::OkStatus();
    });
    if (ran.ok()) continue;
    Log(LogLevel::kError, "effect of a commit failed",
        {{"error", std::string(ToStd(ran.message()))}});
  }
}

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_RUN_EFFECTS_H_
