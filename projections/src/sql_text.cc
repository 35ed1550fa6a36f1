#include "sql_text.h"

#include "stele/postgres/array_text.h"
#include "stele/postgres/identifier.h"

namespace stele::projections_internal {

std::string QuoteTable(std::string_view schema, std::string_view name) {
  return postgres::QuoteIdentifier(schema) + "." +
         postgres::QuoteIdentifier(name);
}

std::string ArrayOf(std::span<const std::string> elements) {
  postgres::ArrayText array;
  for (const std::string& element : elements) array.Add(element);
  return array.Done();
}

}  // namespace stele::projections_internal
