#ifndef STELE_BASE_UUID_H_
#define STELE_BASE_UUID_H_

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace stele {

// A 128-bit identifier (RFC 9562). The default value is the nil UUID. A value
// type: cheap to copy, ordered by its bytes.
class Uuid {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  constexpr Uuid() = default;
  constexpr explicit Uuid(const Bytes& bytes) : bytes_(bytes) {}

  // From "0190163d-8694-739b-aea5-966c26f8ad91", in either case; nullopt if
  // `text` is anything else.
  static std::optional<Uuid> Parse(std::string_view text);

  // From exactly 16 raw bytes; nullopt for any other length.
  static std::optional<Uuid> FromBytes(std::string_view bytes);

  // The name-based UUID (version 5) of `name` within `space`: the same two
  // always give the same id.
  static Uuid FromName(const Uuid& space, std::string_view name);

  const Bytes& bytes() const { return bytes_; }
  // Valid as long as this is.
  std::string_view AsBytes() const& {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  std::string_view AsBytes() const&& = delete;
  bool is_nil() const { return bytes_ == Bytes{}; }
  std::string ToString() const;

  friend auto operator<=>(const Uuid&, const Uuid&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const Uuid& id) {
    return H::combine(std::move(h), id.bytes_);
  }

 private:
  Bytes bytes_{};
};

// Where new ids come from. Thread-safe.
class IdGenerator {
 public:
  virtual ~IdGenerator() = default;
  virtual Uuid Next() = 0;
};

// Time-ordered random ids (version 7): neighbours in time are neighbours in an
// index. Never destroyed.
IdGenerator& RandomIds();

}  // namespace stele

#endif  // STELE_BASE_UUID_H_
