#include "input/json_members.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

namespace orders {
namespace {

namespace json = boost::json;

// What the parser calls with each piece of the text, in order.
class Members {
 public:
  static constexpr std::size_t max_object_size =
      std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  bool on_object_begin(const auto&...) {
    open_.emplace_back();
    return true;
  }
  bool on_object_end(const auto&...) {
    open_.pop_back();
    return true;
  }
  bool on_key_part(json::string_view part, const auto&...) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, const auto&... rest) {
    on_key_part(part, rest...);
    const bool is_new = open_.back().insert(key_).second;
    if (!is_new && !repeated_.has_value()) repeated_ = key_;
    key_.clear();
    return true;
  }

  // Values do not matter.
  bool on_document_begin(const auto&...) { return true; }
  bool on_document_end(const auto&...) { return true; }
  bool on_array_begin(const auto&...) { return true; }
  bool on_array_end(const auto&...) { return true; }
  bool on_string_part(json::string_view, const auto&...) { return true; }
  bool on_string(json::string_view, const auto&...) { return true; }
  bool on_number_part(json::string_view, const auto&...) { return true; }
  bool on_int64(std::int64_t, json::string_view, const auto&...) {
    return true;
  }
  bool on_uint64(std::uint64_t, json::string_view, const auto&...) {
    return true;
  }
  bool on_double(double, json::string_view, const auto&...) { return true; }
  bool on_bool(const auto&...) { return true; }
  bool on_null(const auto&...) { return true; }
  bool on_comment_part(json::string_view, const auto&...) { return true; }
  bool on_comment(json::string_view, const auto&...) { return true; }

  const std::optional<std::string>& repeated() const { return repeated_; }

 private:
  std::vector<std::set<std::string>> open_;  // Members of the objects so far.
  std::string key_;                          // As much of it as has come.
  std::optional<std::string> repeated_;
};

}  // namespace

std::optional<std::string> FindRepeatedMember(std::string_view text) {
  json::basic_parser<Members> parser{json::parse_options()};
  boost::system::error_code error;
  parser.write_some(/*more=*/false, text.data(), text.size(), error);
  return parser.handler().repeated();
}

}  // namespace orders
