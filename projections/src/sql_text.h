#ifndef STELE_PROJECTIONS_SRC_SQL_TEXT_H_
#define STELE_PROJECTIONS_SRC_SQL_TEXT_H_

#include <span>
#include <string>
#include <string_view>

namespace stele::projections_internal {

// "schema"."name".
std::string QuoteTable(std::string_view schema, std::string_view name);

// The text form of an array of these.
std::string ArrayOf(std::span<const std::string> elements);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_SQL_TEXT_H_
