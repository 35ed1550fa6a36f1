#ifndef STELE_POSTGRES_ARRAY_TEXT_H_
#define STELE_POSTGRES_ARRAY_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stele/base/check.h"

namespace stele::postgres {

// Writes the text form of a PostgreSQL array: {"a","b"}.
class ArrayText {
 public:
  // REQUIRES: no NUL in `text`, which PostgreSQL cannot hold.
  ArrayText& Add(std::string_view text) {
    STELE_CHECK(text.find('\0') == std::string_view::npos);
    Separate();
    text_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
    return *this;
  }
  ArrayText& Add(std::int64_t number) {
    Separate();
    text_ += std::to_string(number);
    return *this;
  }
  // nullopt is NULL.
  ArrayText& AddNullable(const std::optional<std::string>& text) {
    return text.has_value() ? Add(std::string_view(*text)) : AddNull();
  }
  ArrayText& AddNull() {
    Separate();
    text_ += "NULL";
    return *this;
  }

  std::string Done() const { return text_ + '}'; }

 private:
  void Separate() {
    if (text_.size() > 1) text_ += ',';
  }
  std::string text_ = "{";
};

}  // namespace stele::postgres

#endif  // STELE_POSTGRES_ARRAY_TEXT_H_
