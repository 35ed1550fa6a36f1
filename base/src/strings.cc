#include "stele/base/strings.h"

#include <cstddef>
#include <cstdint>

namespace stele {
namespace {

constexpr std::size_t kQuotedBytesMax = 64;

unsigned char ByteAt(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool IsContinuation(std::string_view text, std::size_t i) {
  return i < text.size() && (ByteAt(text, i) & 0xC0) == 0x80;
}

// The length of the well-formed character at the start of `text`, 0 if there is
// none (RFC 3629, section 4).
std::size_t CharacterLength(std::string_view text) {
  if (text.empty()) return 0;
  const unsigned char lead = ByteAt(text, 0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || !IsContinuation(text, 1)) return 0;
  const unsigned char second = ByteAt(text, 1);
  if (lead < 0xE0) return 2;
  if (!IsContinuation(text, 2)) return 0;
  if (lead < 0xF0) {
    if (lead == 0xE0 && second < 0xA0) return 0;   // Overlong.
    if (lead == 0xED && second >= 0xA0) return 0;  // A surrogate.
    return 3;
  }
  if (lead > 0xF4 || !IsContinuation(text, 3)) return 0;
  if (lead == 0xF0 && second < 0x90) return 0;   // Overlong.
  if (lead == 0xF4 && second >= 0x90) return 0;  // Beyond U+10FFFF.
  return 4;
}

// C1 controls are two bytes in UTF-8 and move cursors like the others.
bool IsControl(std::string_view character) {
  const unsigned char lead = ByteAt(character, 0);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7F;
  return lead == 0xC2 && ByteAt(character, 1) < 0xA0;
}

void AppendEscaped(std::string& out, std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

void AppendShown(std::string& out, std::string_view character) {
  if (character == "\n") {
    out += "\\n";
  } else if (character == "\t") {
    out += "\\t";
  } else if (character == "\r") {
    out += "\\r";
  } else if (character == "\"" || character == "\\") {
    out += '\\';
    out += character;
  } else if (IsControl(character)) {
    AppendEscaped(out, character);
  } else {
    out += character;
  }
}

}  // namespace

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ToValidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = CharacterLength(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  std::size_t shown = 0;
  while (shown < text.size()) {
    const std::string_view rest = text.substr(shown);
    const std::size_t length = CharacterLength(rest);
    const std::size_t step = length == 0 ? 1 : length;
    if (shown + step > kQuotedBytesMax) break;
    if (length == 0) {
      AppendEscaped(out, rest.substr(0, 1));
    } else {
      AppendShown(out, rest.substr(0, length));
    }
    shown += step;
  }
  out += shown < text.size() ? "\"..." : "\"";
  return out;
}

}  // namespace stele
