#include "stele/outbox/broker.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
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

}  // namespace stele
