#ifndef STELE_POSTGRES_ARRAY_TEXT_H_
#define STELE_POSTGRES_ARRAY_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stele::postgres {

// Writes the text form of a PostgreSQL array: {"a","b"}. A text is cut at its
// first NUL, which PostgreSQL cannot hold.
class ArrayText {
 public:
  ArrayText& Add(std::string_view text) {
    Separate();
    text_ += '"';
    for (const char c : text.substr(0, text.find('\0'))) {
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
