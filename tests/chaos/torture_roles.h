#ifndef STELE_TESTS_CHAOS_TORTURE_ROLES_H_
#define STELE_TESTS_CHAOS_TORTURE_ROLES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace stele::chaos {

// What a process of the torture test is told.
struct RoleOptions {
  std::string dsn;
  std::string schema;
  std::string journal;
  std::uint64_t seed = 0;
  bool one_statement = false;  // Subscribers: read the log the wrong way.
};

// The event that ends every subscriber.
inline constexpr char kEndType[] = "torture.End";
inline constexpr char kEventType[] = "torture.Event";
inline constexpr char kEndStream[] = "torture-end";

// Appends, rolls back, stalls and contends until it is killed or told to end
// by SIGTERM.
absl::Status RunWriter(const RoleOptions& options);

// Writes down all it sees, from where its journal ends, until it sees the end.
absl::Status RunSubscriber(const RoleOptions& options);

// Microseconds on the clock that all processes share.
std::int64_t MonotonicMicros();

}  // namespace stele::chaos

#endif  // STELE_TESTS_CHAOS_TORTURE_ROLES_H_
