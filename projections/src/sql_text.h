#ifndef STELE_PROJECTIONS_SRC_SQL_TEXT_H_
#define STELE_PROJECTIONS_SRC_SQL_TEXT_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stele::projections_internal {

// `name` as a quoted identifier. REQUIRES: no NUL in it.
std::string QuoteName(std::string_view name);
// "schema"."name".
std::string QuoteTable(std::string_view schema, std::string_view name);

// Appends one element to the text form of an array being built in `array`;
// nullopt is NULL. Begin with "" and end with CloseArray().
void AppendElement(std::string& array,
                   const std::optional<std::string>& element);
void CloseArray(std::string& array);
// The text form of an array of these.
std::string ArrayOf(std::span<const std::string> elements);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_SQL_TEXT_H_
