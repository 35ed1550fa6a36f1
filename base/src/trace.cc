#include "stele/base/trace.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "stele/base/check.h"

namespace stele {
namespace {

constexpr std::size_t kTraceIdAt = 3;
constexpr std::size_t kTraceIdDigits = 32;
constexpr std::size_t kParentIdAt = 36;
constexpr std::size_t kParentIdDigits = 16;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kLength = 55;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// An id of all zeros is invalid, so it is drawn again.
std::string RandomId(std::size_t digits) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string id;
  do {
    id.clear();
    std::vector<unsigned char> bytes(digits / 2);
    STELE_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
    for (const unsigned char byte : bytes) {
      id += kHex[byte >> 4];
      id += kHex[byte & 15];
    }
  } while (!IsId(id));
  return id;
}

std::string Make(std::string_view trace_id, bool sampled) {
  std::string text = "00-";
  text += trace_id;
  text += '-';
  text += RandomId(kParentIdDigits);
  text += sampled ? "-01" : "-00";
  return text;
}

}  // namespace

std::string NewTraceparent() { return Make(RandomId(kTraceIdDigits), true); }

std::string ChildTraceparent(std::string_view parent) {
  if (!IsValidTraceparent(parent)) return NewTraceparent();
  const char low_flags = parent[kFlagsAt + 1];
  const int bits = low_flags <= '9' ? low_flags - '0' : low_flags - 'a' + 10;
  return Make(parent.substr(kTraceIdAt, kTraceIdDigits), (bits & 1) != 0);
}

bool IsValidTraceparent(std::string_view text) {
  if (text.size() < kLength) return false;
  const std::string_view version = text.substr(0, 2);
  if (!IsHex(version) || version == "ff") return false;
  // Later versions may add fields; what version 00 defines stays in its place.
  if (version == "00" && text.size() != kLength) return false;
  if (text.size() > kLength && text[kLength] != '-') return false;
  return text[2] == '-' && text[kParentIdAt - 1] == '-' &&
         text[kFlagsAt - 1] == '-' &&
         IsId(text.substr(kTraceIdAt, kTraceIdDigits)) &&
         IsId(text.substr(kParentIdAt, kParentIdDigits)) &&
         IsHex(text.substr(kFlagsAt, 2));
}

}  // namespace stele
