#include "demo/describe.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "orders/order.stele.h"

namespace orders {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::string_view kCents = "_cents";

bool IsMoney(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 &&
         std::string_view(field.name()).ends_with(kCents);
}

std::string DescribeLines(const Message& message,
                          const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<std::string> lines;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    OrderLine line;
    line.CopyFrom(reflection.GetRepeatedMessage(message, &field, i));
    lines.push_back(absl::StrCat(line.quantity(), " x ", line.sku(), " at ",
                                 Money(line.unit_price_cents())));
  }
  return absl::StrJoin(lines, " + ");
}

std::string DescribeField(const Message& message,
                          const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::string name = field.name();
  if (IsMoney(field) && !field.is_repeated()) {
    name.resize(name.size() - kCents.size());
    return absl::StrCat(name, " ", Money(reflection.GetInt64(message, &field)));
  }
  if (field.is_repeated() &&
      field.message_type() == OrderLine::GetDescriptor()) {
    return absl::StrCat(name, " ", DescribeLines(message, field));
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
      !field.is_repeated()) {
    return absl::StrCat(name, " ", reflection.GetString(message, &field));
  }
  if (field.is_repeated()) {
    return absl::StrCat(name, " x ", reflection.FieldSize(message, &field));
  }
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string value;
  printer.PrintFieldValueToString(message, &field, -1, &value);
  return absl::StrCat(name, " ", value);
}

}  // namespace

std::string Money(std::int64_t cents) {
  const bool is_negative = cents < 0;
  const std::uint64_t size = is_negative ? 0 - static_cast<std::uint64_t>(cents)
                                         : static_cast<std::uint64_t>(cents);
  std::string digits = absl::StrCat(size / 100);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return absl::StrFormat("%s%s.%02d", is_negative ? "-" : "", digits,
                         size % 100);
}

std::string DescribeFields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::vector<std::string> said;
  for (const FieldDescriptor* field : fields) {
    if (field->name() == "order_id") continue;
    said.push_back(DescribeField(message, *field));
  }
  return absl::StrJoin(said, ", ");
}

std::vector<std::string> Wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (text.size() > width) {
    // A space right behind the line will do, too.
    std::size_t space = text.rfind(' ', width);
    if (space == std::string_view::npos) space = text.find(' ');
    if (space == std::string_view::npos) break;
    lines.emplace_back(text.substr(0, space));
    text.remove_prefix(space + 1);
  }
  lines.emplace_back(text);
  return lines;
}

std::size_t OutputWidth() {
  winsize size = {};
  if (::isatty(STDOUT_FILENO) != 1 ||
      ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 120;
  }
  return std::clamp<std::size_t>(size.ws_col, 80, 160);
}

}  // namespace orders
