#include "stele/base/backoff.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace stele {
namespace {

std::uint64_t RandomSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// SplitMix64 (Steele, Lea, Flood, 2014): plenty for jitter, eight bytes of
// state.
std::uint64_t NextRandom(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Evenly from (0, 1].
double NextFraction(std::uint64_t& state) {
  return static_cast<double>((NextRandom(state) >> 11) + 1) * 0x1p-53;
}

BackoffOptions WithinBounds(BackoffOptions options) {
  options.first = std::max(options.first, absl::Microseconds(1));
  options.most = std::max(options.most, options.first);
  if (!(options.factor >= 1)) options.factor = 1;
  return options;
}

}  // namespace

Backoff::Backoff(BackoffOptions options) : Backoff(options, RandomSeed()) {}

Backoff::Backoff(BackoffOptions options, std::uint64_t seed)
    : options_(WithinBounds(options)), random_state_(seed) {}

absl::Duration Backoff::Next() {
  // Beyond 10'000 failures every factor worth its name has reached the cap.
  const double growth = std::pow(options_.factor, std::min(failures_, 10'000));
  const absl::Duration cap = std::min(options_.most, options_.first * growth);
  if (failures_ < 1'000'000'000) ++failures_;
  const absl::Duration wait = cap * NextFraction(random_state_);
  return std::max(wait, absl::Nanoseconds(1));
}

}  // namespace stele
