#include "stele/outbox/broker.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "digest.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

constexpr std::size_t kMaxNameBytes = 200;

bool IsTokenByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '-';
}

absl::Status BadName(std::string_view what, std::string_view name,
                     std::string_view why, std::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat(ToAbsl(what), " ", Quoted(name), " ", ToAbsl(why),
                   "; a right one looks like ", ToAbsl(right)));
}

// What is wrong with one URL, or nothing.
std::string_view MistakeIn(std::string_view url) {
  constexpr std::string_view kSeparator = "://";
  const std::size_t scheme = url.find(kSeparator);
  if (scheme == std::string_view::npos || scheme == 0) return "has no scheme";
  const auto is_plain = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  if (!std::all_of(url.begin(), url.end(), is_plain))
    return "has blanks or other bytes that must be percent-encoded";
  std::string_view host = url.substr(scheme + kSeparator.size());
  host = host.substr(0, host.find_first_of("/?#"));
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos)
    host.remove_prefix(at + 1);
  std::string_view port;
  const std::size_t colon = host.rfind(':');
  // Those within "[::1]" are the address's.
  if (colon != std::string_view::npos &&
      host.find(']', colon) == std::string_view::npos) {
    port = host.substr(colon + 1);
    int number = 0;
    if (!absl::SimpleAtoi(ToAbsl(port), &number) || number < 1 ||
        number > 65'535)
      return "has a port that is none from 1 to 65535";
    host = host.substr(0, colon);
  }
  return host.empty() ? "has no host" : "";
}

}  // namespace

std::string IdentityOf(const BrokerMessage& message) {
  if (message.id.empty()) return "";
  const auto source = message.headers.find("ce-source");
  return outbox_internal::JoinSourceAndId(
      source == message.headers.end() ? std::string_view() : source->second,
      message.id);
}

absl::Status ValidateTopic(const std::string& topic) {
  constexpr std::string_view kRight = "\"orders.order\"";
  if (topic.empty()) return BadName("topic", topic, "is empty", kRight);
  if (topic.size() > kMaxNameBytes)
    return BadName("topic", topic, "is longer than 200 bytes", kRight);
  char before = '.';
  for (const char c : topic) {
    if (c == '.' && before == '.')
      return BadName("topic", topic, "has an empty token", kRight);
    if (c != '.' && !IsTokenByte(c))
      return BadName("topic", topic,
                     "has something else than letters, digits, '_', '-' and "
                     "dots between them",
                     kRight);
    before = c;
  }
  if (before == '.') return BadName("topic", topic, "ends in a dot", kRight);
  return absl::OkStatus();
}

absl::Status ValidateGroup(const std::string& group) {
  constexpr std::string_view kRight = "\"payments\"";
  if (group.empty()) return BadName("group", group, "is empty", kRight);
  if (group.size() > kMaxNameBytes)
    return BadName("group", group, "is longer than 200 bytes", kRight);
  if (!std::all_of(group.begin(), group.end(), IsTokenByte))
    return BadName("group", group,
                   "has something else than letters, digits, '_' and '-'",
                   kRight);
  return absl::OkStatus();
}

absl::Status ValidateBrokerUrls(std::string_view urls) {
  int number = 0;
  for (const auto url : absl::StrSplit(ToAbsl(urls), ',')) {
    ++number;
    const std::string_view mistake =
        MistakeIn(ToStd(absl::StripAsciiWhitespace(url)));
    if (mistake.empty()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "URL ", number, " ", ToAbsl(mistake),
        "; a right one looks like nats://broker.example.com:4222, and several "
        "are separated by commas"));
  }
  return absl::OkStatus();
}

}  // namespace stele
