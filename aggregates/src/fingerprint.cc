#include "fingerprint.h"

#include <google/protobuf/descriptor.pb.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "stele/base/strings.h"
#include "stele/base/uuid.h"

namespace stele {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptor;

// Serialized descriptors by full name, so that the order in which types are
// met does not matter.
using Schemas = std::map<std::string, std::string>;

void Collect(const EnumDescriptor& type, Schemas& schemas) {
  EnumDescriptorProto proto;
  type.CopyTo(&proto);
  proto.clear_options();
  for (auto& value : *proto.mutable_value()) value.clear_options();
  schemas[type.full_name()] = proto.SerializeAsString();
}

void Collect(const Descriptor& type, Schemas& schemas) {
  const auto [entry, is_new] = schemas.try_emplace(type.full_name());
  if (!is_new) return;
  DescriptorProto proto;
  type.CopyTo(&proto);
  // Nested types count only where a field refers to them.
  proto.clear_nested_type();
  proto.clear_enum_type();
  proto.clear_options();
  for (auto& field : *proto.mutable_field()) field.clear_options();
  entry->second = proto.SerializeAsString();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.message_type() != nullptr) {
      Collect(*field.message_type(), schemas);
    } else if (field.enum_type() != nullptr) {
      Collect(*field.enum_type(), schemas);
    }
  }
}

// The name space of state schemas; an arbitrary constant.
Uuid SchemaSpace() {
  return *Uuid::Parse("b1d0c5a4-6f0e-4c0b-9a4e-2f7d3c9e5a10");
}

}  // namespace

std::string StateFingerprint(const Descriptor& state, int fold_version) {
  Schemas schemas;
  Collect(state, schemas);
  std::string all;
  for (const auto& [name, schema] : schemas) {
    absl::StrAppend(&all, name.size(), " ", name, schema.size(), " ", schema);
  }
  return absl::StrCat(Uuid::FromName(SchemaSpace(), all).ToString(), "/",
                      fold_version);
}

}  // namespace stele
