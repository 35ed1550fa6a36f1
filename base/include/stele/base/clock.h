#ifndef STELE_BASE_CLOCK_H_
#define STELE_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace stele {

// The time of day, injected so that tests can hold it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
};

// The machine's clock. Never destroyed.
Clock& SystemClock();

}  // namespace stele

#endif  // STELE_BASE_CLOCK_H_
