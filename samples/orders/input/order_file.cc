#include "input/order_file.h"

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "input/json_members.h"

namespace orders {
namespace {

namespace json = boost::json;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status Wrong(std::string_view member, std::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(
      "member \"", std::string(member), "\" ", std::string(problem)));
}

// Of valid UTF-8. Also the second set, which UTF-8 writes as C2 80 to C2 9F.
bool HasControlCharacter(std::string_view text) {
  unsigned char before = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (before == 0xC2 && byte < 0xA0) return true;
    before = byte;
  }
  return false;
}

absl::Status TakeText(const json::object& object, const char* member,
                      std::string& value) {
  const json::value* found = object.if_contains(member);
  if (found == nullptr) return Wrong(member, "is missing");
  if (!found->is_string()) return Wrong(member, "is not a string");
  value = std::string(found->as_string());
  if (value.empty()) return Wrong(member, "is empty");
  if (value.size() > kMaxTextBytes) {
    return Wrong(member,
                 absl::StrCat("is longer than ", kMaxTextBytes, " bytes"));
  }
  if (HasControlCharacter(value)) {
    return Wrong(member, "has control characters");
  }
  return absl::OkStatus();
}

absl::Status TakeNumber(const json::object& object, const char* member,
                        std::int64_t& value) {
  const json::value* found = object.if_contains(member);
  if (found == nullptr) return Wrong(member, "is missing");
  if (!found->is_number()) return Wrong(member, "is not a number");
  boost::system::error_code error;
  value = found->to_number<std::int64_t>(error);
  if (error) return Wrong(member, "is no whole number of 64 bits");
  return absl::OkStatus();
}

absl::Status AllowOnly(const json::object& object,
                       const std::set<std::string>& members) {
  for (const json::key_value_pair& pair : object) {
    const std::string name(pair.key());
    if (!members.contains(name)) {
      return Wrong(name, absl::StrCat("is unknown; there are ",
                                      absl::StrJoin(members, ", ")));
    }
  }
  return absl::OkStatus();
}

absl::Status TakeLine(const json::value& value, OrderInput::Line& line) {
  if (!value.is_object())
    return Wrong("lines", "has an entry that is no object");
  const json::object& object = value.as_object();
  absl::Status status =
      AllowOnly(object, {"sku", "quantity", "unit_price_cents"});
  if (status.ok()) status = TakeText(object, "sku", line.sku);
  if (status.ok()) status = TakeNumber(object, "quantity", line.quantity);
  if (status.ok()) {
    status = TakeNumber(object, "unit_price_cents", line.unit_price_cents);
  }
  return status;
}

absl::Status TakeLines(const json::object& object, OrderInput& order) {
  const json::value* lines = object.if_contains("lines");
  if (lines == nullptr) return Wrong("lines", "is missing");
  if (!lines->is_array()) return Wrong("lines", "is not an array");
  for (const json::value& entry : lines->as_array()) {
    OrderInput::Line line;
    if (absl::Status status = TakeLine(entry, line); !status.ok()) {
      return status;
    }
    order.lines.push_back(std::move(line));
  }
  return absl::OkStatus();
}

// getline() that never keeps more than kMaxLineBytes + 1.
bool ReadLine(std::istream& in, std::string& line) {
  line.clear();
  for (int c = in.get(); c != std::istream::traits_type::eof(); c = in.get()) {
    if (c == '\n') return true;
    if (line.size() <= kMaxLineBytes) line.push_back(static_cast<char>(c));
  }
  return !line.empty();
}

// For the reason that errno gives, if any.
absl::Status CannotBeRead() {
  const char* const why = errno == 0 ? "a device error" : std::strerror(errno);
  return absl::InvalidArgumentError(
      absl::StrCat("cannot be read to its end: ", why));
}

// Reads `in` and says in what name if that fails.
absl::StatusOr<OrderFile> ReadNamed(std::istream& in, const std::string& name,
                                    BadLines bad_lines) {
  auto file = ReadOrders(in, bad_lines);
  // Unlike other streams, std::cin takes an error for the end.
  const bool is_broken = &in == &std::cin && std::ferror(stdin) != 0;
  if (file.ok() && !is_broken) return file;
  const absl::Status status = is_broken ? CannotBeRead() : file.status();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": ", std::string(status.message())));
}

}  // namespace

absl::StatusOr<OrderInput> ParseOrder(std::string_view line) {
  if (line.size() > kMaxLineBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("longer than ", kMaxLineBytes, " bytes"));
  }
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  const json::value value =
      json::parse({line.data(), line.size()}, error, {}, options);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("not JSON: ", error.message()));
  }
  if (!value.is_object()) {
    return absl::InvalidArgumentError("not a JSON object");
  }
  if (const auto repeated = FindRepeatedMember(line)) {
    return Wrong(*repeated, "is given twice");
  }
  const json::object& object = value.as_object();
  OrderInput order;
  absl::Status status = AllowOnly(object, {"order_id", "customer_id", "lines",
                                           "total_cents", "payment_token"});
  if (status.ok()) status = TakeText(object, "order_id", order.order_id);
  if (status.ok()) status = TakeText(object, "customer_id", order.customer_id);
  if (status.ok()) status = TakeLines(object, order);
  if (status.ok())
    status = TakeNumber(object, "total_cents", order.total_cents);
  if (status.ok()) {
    status = TakeText(object, "payment_token", order.payment_token);
  }
  if (!status.ok()) return status;
  return order;
}

std::string FormatOrder(const OrderInput& order) {
  json::array lines;
  for (const OrderInput::Line& line : order.lines) {
    lines.push_back(json::object{{"sku", line.sku},
                                 {"quantity", line.quantity},
                                 {"unit_price_cents", line.unit_price_cents}});
  }
  return json::serialize(json::object{{"order_id", order.order_id},
                                      {"customer_id", order.customer_id},
                                      {"lines", std::move(lines)},
                                      {"total_cents", order.total_cents},
                                      {"payment_token", order.payment_token}});
}

absl::StatusOr<OrderFile> ReadOrders(std::istream& in, BadLines bad_lines) {
  OrderFile file;
  std::string line;
  errno = 0;
  for (std::int64_t number = 1; ReadLine(in, line); ++number) {
    if (number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, 3);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    absl::StatusOr<OrderInput> order = ParseOrder(line);
    if (order.ok()) {
      file.orders.push_back(*std::move(order));
    } else {
      file.bad_lines.push_back({number, std::string(order.status().message())});
    }
  }
  if (in.bad()) return CannotBeRead();
  if (bad_lines == BadLines::kSkip || file.bad_lines.empty()) return file;

  std::string all = absl::StrCat(file.bad_lines.size(), " bad lines:");
  for (std::size_t i = 0; i < file.bad_lines.size() && i < 20; ++i) {
    absl::StrAppend(&all, "\n  line ", file.bad_lines[i].number, ": ",
                    file.bad_lines[i].what);
  }
  if (file.bad_lines.size() > 20) absl::StrAppend(&all, "\n  ...");
  return absl::InvalidArgumentError(all);
}

absl::StatusOr<OrderFile> ReadOrderFile(const std::string& path,
                                        BadLines bad_lines) {
  if (path == "-") return ReadNamed(std::cin, "standard input", bad_lines);
  std::ifstream in(path);
  if (!in) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  return ReadNamed(in, path, bad_lines);
}

}  // namespace orders
