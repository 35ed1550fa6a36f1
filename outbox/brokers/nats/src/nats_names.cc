#include "nats_names.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "stele/base/strings.h"

namespace stele::nats_internal {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string SubjectOf(std::string_view prefix, std::string_view topic) {
  return absl::StrCat(ToAbsl(prefix), ".", ToAbsl(topic));
}

std::string TopicOfSubject(std::string_view prefix, std::string_view subject) {
  if (!subject.starts_with(prefix) || subject.size() <= prefix.size() + 1)
    return std::string(subject);
  return std::string(subject.substr(prefix.size() + 1));
}

std::string DurableOf(std::string_view group, std::string_view topic) {
  std::string name = absl::StrCat(ToAbsl(group), "@", ToAbsl(topic));
  std::replace(name.begin(), name.end(), '.', '=');
  return name;
}

std::string_view DurableOfReply(std::string_view reply) {
  const std::vector<absl::string_view> tokens =
      absl::StrSplit(ToAbsl(reply), '.');
  // $JS.ACK.<stream>.<consumer>.<5 numbers>, or with <domain>.<account> before
  // the stream and a random token at the end.
  if (tokens.size() < 9 || tokens[0] != "$JS" || tokens[1] != "ACK") return "";
  return ToStd(tokens.size() == 9 ? tokens[3] : tokens[5]);
}

std::string EncodeHeader(std::string_view value) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(value.size());
  for (const unsigned char c : value) {
    if (c > 0x20 && c < 0x7f && c != '"' && c != '%') {
      encoded.push_back(static_cast<char>(c));
    } else {
      encoded.push_back('%');
      encoded.push_back(kHex[c >> 4]);
      encoded.push_back(kHex[c & 15]);
    }
  }
  return encoded;
}

std::string DecodeHeader(std::string_view value) {
  std::string decoded;
  decoded.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool is_escape = value[i] == '%' && i + 2 < value.size() &&
                           HexValue(value[i + 1]) >= 0 &&
                           HexValue(value[i + 2]) >= 0;
    if (is_escape) {
      decoded.push_back(static_cast<char>(HexValue(value[i + 1]) * 16 +
                                          HexValue(value[i + 2])));
      i += 2;
    } else {
      decoded.push_back(value[i]);
    }
  }
  return decoded;
}

}  // namespace stele::nats_internal
