#ifndef ORDERS_INPUT_JSON_MEMBERS_H_
#define ORDERS_INPUT_JSON_MEMBERS_H_

#include <optional>
#include <string>
#include <string_view>

namespace orders {

// The first member that an object of `text`, which must be JSON, has twice:
// parsers take the last of them without a word.
std::optional<std::string> FindRepeatedMember(std::string_view text);

}  // namespace orders

#endif  // ORDERS_INPUT_JSON_MEMBERS_H_
