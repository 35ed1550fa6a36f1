#ifndef STELE_BASE_BACKOFF_H_
#define STELE_BASE_BACKOFF_H_

#include <cstdint>

#include "absl/time/time.h"

namespace stele {

struct BackoffOptions {
  absl::Duration first = absl::Milliseconds(50);  // > 0.
  absl::Duration most = absl::Seconds(30);        // >= first.
  double factor = 2.0;                            // >= 1.
};

// Exponential back-off with full jitter: the n-th wait is drawn evenly from
// (0, min(most, first * factor^n)], so that many clients do not return at once
// (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
//
// Not thread-safe: one thread at a time.
class Backoff {
 public:
  explicit Backoff(BackoffOptions options = {});
  Backoff(BackoffOptions options, std::uint64_t seed);  // For tests.

  // How long to wait before the next try.
  absl::Duration Next();

  // Waits already asked for since the last success.
  int failures() const { return failures_; }

  // Call after a success.
  void Reset() { failures_ = 0; }

 private:
  BackoffOptions options_;
  std::uint64_t random_state_;
  int failures_ = 0;
};

}  // namespace stele

#endif  // STELE_BASE_BACKOFF_H_
