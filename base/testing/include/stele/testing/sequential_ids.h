#ifndef STELE_TESTING_SEQUENTIAL_IDS_H_
#define STELE_TESTING_SEQUENTIAL_IDS_H_

#include <atomic>
#include <cstdint>

#include "stele/base/uuid.h"

namespace stele::testing {

// The n-th id of a SequentialIds: 00000000-0000-7000-8000-00000000000n.
inline Uuid SequentialId(std::uint64_t n) {
  Uuid::Bytes bytes{};
  bytes[6] = 0x70;
  bytes[8] = 0x80;
  for (int i = 0; i < 6; ++i) {
    bytes[15 - i] = static_cast<std::uint8_t>(n >> (8 * i));
  }
  return Uuid(bytes);
}

// Ids that are the same in each run of a test: 1, 2, 3, ... Thread-safe.
class SequentialIds final : public IdGenerator {
 public:
  Uuid Next() override { return SequentialId(++last_); }

 private:
  std::atomic<std::uint64_t> last_{0};
};

}  // namespace stele::testing

#endif  // STELE_TESTING_SEQUENTIAL_IDS_H_
