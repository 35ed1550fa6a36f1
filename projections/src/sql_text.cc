#include "sql_text.h"

namespace stele::projections_internal {

std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

std::string QuoteTable(std::string_view schema, std::string_view name) {
  return QuoteName(schema) + "." + QuoteName(name);
}

void AppendElement(std::string& array,
                   const std::optional<std::string>& element) {
  array += array.empty() ? '{' : ',';
  if (!element.has_value()) {
    array += "NULL";
    return;
  }
  array += '"';
  for (const char c : *element) {
    if (c == '"' || c == '\\') array += '\\';
    array += c;
  }
  array += '"';
}

void CloseArray(std::string& array) {
  if (array.empty()) array += '{';
  array += '}';
}

std::string ArrayOf(std::span<const std::string> elements) {
  std::string array;
  for (const std::string& element : elements) AppendElement(array, element);
  CloseArray(array);
  return array;
}

}  // namespace stele::projections_internal
