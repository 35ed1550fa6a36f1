#include "stele/base/uuid.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "absl/time/time.h"
#include "stele/base/check.h"
#include "stele/base/clock.h"

namespace stele {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsDashPlace(std::size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

void SetVersion(Uuid::Bytes& bytes, int version) {
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | (version << 4));
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
}

// Version 7 with the sub-millisecond fraction in the 12 bits after the version
// (RFC 9562, section 6.2, method 3), so that ids made one after the other in a
// process also sort in that order.
class TimeOrderedIds final : public IdGenerator {
 public:
  Uuid Next() override {
    const std::uint64_t tick = NextTick();
    Uuid::Bytes bytes;
    STELE_CHECK(RAND_bytes(bytes.data(), bytes.size()) == 1);
    const std::uint64_t millis = tick >> 12;
    for (int i = 0; i < 6; ++i) {
      bytes[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
    }
    bytes[6] = static_cast<std::uint8_t>((tick >> 8) & 0x0F);
    bytes[7] = static_cast<std::uint8_t>(tick);
    SetVersion(bytes, 7);
    return Uuid(bytes);
  }

 private:
  // Time in 1/4096 milliseconds, never the same twice.
  std::uint64_t NextTick() {
    const std::int64_t nanos = absl::ToUnixNanos(SystemClock().Now());
    const std::uint64_t now =
        (static_cast<std::uint64_t>(nanos / 1'000'000) << 12) |
        static_cast<std::uint64_t>(nanos % 1'000'000 * 4096 / 1'000'000);
    std::uint64_t last = last_.load(std::memory_order_relaxed);
    std::uint64_t next;
    do {
      next = std::max(now, last + 1);
    } while (!last_.compare_exchange_weak(last, next));
    return next;
  }

  std::atomic<std::uint64_t> last_{0};
};

}  // namespace

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Bytes bytes{};
  std::size_t digit = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsDashPlace(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = HexValue(text[i]);
    if (value < 0) return std::nullopt;
    bytes[digit / 2] = static_cast<std::uint8_t>(bytes[digit / 2] * 16 + value);
    ++digit;
  }
  return Uuid(bytes);
}

std::optional<Uuid> Uuid::FromBytes(std::string_view bytes) {
  Bytes copy;
  if (bytes.size() != copy.size()) return std::nullopt;
  std::memcpy(copy.data(), bytes.data(), copy.size());
  return Uuid(copy);
}

Uuid Uuid::FromName(const Uuid& space, std::string_view name) {
  std::string input(space.AsBytes());
  input += name;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  STELE_CHECK(EVP_Digest(input.data(), input.size(), digest, &size, EVP_sha1(),
                         nullptr) == 1);
  Bytes bytes;
  STELE_CHECK(size >= bytes.size());
  std::memcpy(bytes.data(), digest, bytes.size());
  SetVersion(bytes, 5);
  return Uuid(bytes);
}

std::string Uuid::ToString() const {
  std::string text(36, '-');
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes_) {
    if (IsDashPlace(at)) ++at;
    text[at++] = kHex[byte >> 4];
    text[at++] = kHex[byte & 15];
  }
  return text;
}

IdGenerator& RandomIds() {
  static auto* const kIds = new TimeOrderedIds;
  return *kIds;
}

}  // namespace stele
