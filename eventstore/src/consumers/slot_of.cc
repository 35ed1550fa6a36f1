#include <cstdint>

#include "stele/base/check.h"
#include "stele/eventstore/consumer.h"

namespace stele {

// FNV-1a, mixed once more because its low bits are weak. Never to be changed:
// checkpoints and parked keys are kept by slot.
int SlotOf(std::string_view key, int slots) {
  STELE_CHECK(slots > 0);
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93;
  hash ^= hash >> 32;
  return static_cast<int>(hash % static_cast<std::uint64_t>(slots));
}

}  // namespace stele
