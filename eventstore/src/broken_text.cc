#include "stele/eventstore/broken_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"

namespace stele {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string FindIn(const Message& message, const FieldDescriptor& field,
                   int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  const std::string path =
      repeated ? absl::StrCat(field.name(), "[", index, "]") : field.name();
  if (field.type() == FieldDescriptor::TYPE_STRING) {
    const std::string text =
        repeated ? reflection.GetRepeatedString(message, &field, index)
                 : reflection.GetString(message, &field);
    return IsValidUtf8(text) ? "" : path;
  }
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return "";
  const std::string inner = FindBrokenText(
      repeated ? reflection.GetRepeatedMessage(message, &field, index)
               : reflection.GetMessage(message, &field));
  return inner.empty() ? "" : absl::StrCat(path, ".", inner);
}

}  // namespace

std::string FindBrokenText(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated()
                          ? message.GetReflection()->FieldSize(message, field)
                          : 1;
    for (int i = 0; i < count; ++i) {
      if (std::string path = FindIn(message, *field, i); !path.empty()) {
        return path;
      }
    }
  }
  return "";
}

}  // namespace stele
