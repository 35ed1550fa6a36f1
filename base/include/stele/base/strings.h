#ifndef STELE_BASE_STRINGS_H_
#define STELE_BASE_STRINGS_H_

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace stele {

// Bridges between std::string_view and absl::string_view, which are different
// types in Debian 12's Abseil and the same type in newer ones.
inline absl::string_view ToAbsl(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}
inline std::string_view ToStd(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

// True iff `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong
// forms, at most U+10FFFF).
bool IsValidUtf8(std::string_view text);

// `text` with each byte that breaks it replaced by U+FFFD.
std::string ToValidUtf8(std::string_view text);

// `text` fit to be shown in an error message: at most its first 64 bytes, with
// control characters, quotes and broken UTF-8 escaped, in double quotes.
std::string Quoted(std::string_view text);

}  // namespace stele

#endif  // STELE_BASE_STRINGS_H_
