#include "model/fields.h"

#include <string>

#include "google/protobuf/compiler/cpp/names.h"
#include "google/protobuf/descriptor.pb.h"
#include "model/source.h"
#include "stele/options.pb.h"

namespace stele::codegen {
namespace {

namespace pb = google::protobuf;
namespace cpp = google::protobuf::compiler::cpp;

FieldType TypeOf(const pb::FieldDescriptor& field) {
  if (field.type() == pb::FieldDescriptor::TYPE_GROUP) return FieldType::kGroup;
  if (field.type() == pb::FieldDescriptor::TYPE_BYTES) return FieldType::kBytes;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return FieldType::kInt32;
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return FieldType::kInt64;
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return FieldType::kUint32;
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return FieldType::kUint64;
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return FieldType::kDouble;
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return FieldType::kFloat;
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return FieldType::kBool;
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return FieldType::kEnum;
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return FieldType::kString;
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return FieldType::kMessage;
  }
  return FieldType::kString;
}

std::string ValueTypeOf(const pb::FieldDescriptor& field) {
  switch (TypeOf(field)) {
    case FieldType::kBool:
      return "bool";
    case FieldType::kDouble:
      return "double";
    case FieldType::kFloat:
      return "float";
    case FieldType::kInt32:
      return "std::int32_t";
    case FieldType::kInt64:
      return "std::int64_t";
    case FieldType::kUint32:
      return "std::uint32_t";
    case FieldType::kUint64:
      return "std::uint64_t";
    case FieldType::kBytes:
    case FieldType::kString:
      return "std::string";
    case FieldType::kEnum:
      return cpp::QualifiedClassName(field.enum_type());
    case FieldType::kGroup:
    case FieldType::kMessage:
      return cpp::QualifiedClassName(field.message_type());
  }
  return "";
}

Cardinality CardinalityOf(const pb::FieldDescriptor& field) {
  if (field.is_map()) return Cardinality::kMap;
  if (field.is_repeated()) return Cardinality::kRepeated;
  return field.has_presence() ? Cardinality::kOptional : Cardinality::kSingle;
}

}  // namespace

Field ReadField(const pb::FieldDescriptor& descriptor) {
  Field field;
  field.name = descriptor.name();
  field.accessor = cpp::FieldName(&descriptor);
  field.comment = CommentOf(descriptor);
  field.location = LocationOf(descriptor);
  field.cardinality = CardinalityOf(descriptor);
  const pb::FieldDescriptor* values = &descriptor;
  if (descriptor.is_map()) {
    field.map_key_type = ValueTypeOf(*descriptor.message_type()->map_key());
    values = descriptor.message_type()->map_value();
  }
  field.type = TypeOf(*values);
  field.value_type = ValueTypeOf(*values);
  if (const auto* oneof = descriptor.real_containing_oneof()) {
    field.oneof = oneof->name();
  }
  field.has_other_ctype =
      descriptor.options().ctype() != pb::FieldOptions::STRING;
  field.is_id = descriptor.options().GetExtension(stele::id);
  if (field.is_id) {
    field.id_location = OptionLocation(descriptor, stele::id.number());
  }
  return field;
}

}  // namespace stele::codegen
