#ifndef STELE_SANDBOX_SRC_PROCESSES_H_
#define STELE_SANDBOX_SRC_PROCESSES_H_

#include <string_view>

#include "absl/time/time.h"

namespace stele::sandbox {

// Sends SIGKILL to every process whose working folder is `folder` or inside it,
// until there is none. False if some were left after `timeout`.
//
// Servers keep their working folder in their data folder, all their children
// too: this finds them whoever their parent has become.
bool KillProcessesIn(std::string_view folder, absl::Duration timeout);

// Sends SIGSTOP to those processes until all of them stand still. False if some
// did not after `timeout`.
bool StopProcessesIn(std::string_view folder, absl::Duration timeout);

// Sends SIGCONT to those processes.
void ContinueProcessesIn(std::string_view folder);

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_SRC_PROCESSES_H_
