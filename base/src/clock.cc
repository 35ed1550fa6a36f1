#include "stele/base/clock.h"

#include "absl/time/clock.h"

namespace stele {
namespace {

class MachineClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
};

}  // namespace

Clock& SystemClock() {
  static auto* const kClock = new MachineClock;
  return *kClock;
}

}  // namespace stele
