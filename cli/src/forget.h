#ifndef STELE_CLI_FORGET_H_
#define STELE_CLI_FORGET_H_

#include <string>

#include "absl/status/statusor.h"
#include "commands.h"
#include "output.h"

namespace stele::cli {

// Drops a consumer with its place and all that it has parked. Refused while
// somebody works on it, for inboxes, and unless it `is_meant`: what would be
// lost is then said.
absl::StatusOr<Report> ForgetConsumer(const Context& context,
                                      const std::string& name, bool is_meant);

}  // namespace stele::cli

#endif  // STELE_CLI_FORGET_H_
