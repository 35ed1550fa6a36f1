#include "model/reader.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "google/protobuf/compiler/cpp/names.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "model/fields.h"
#include "model/roles.h"
#include "model/source.h"

namespace stele::codegen {
namespace {

namespace pb = google::protobuf;
namespace cpp = google::protobuf::compiler::cpp;

bool HasDeprecated(const pb::Descriptor& message) {
  bool found = message.options().deprecated();
  for (int i = 0; i < message.field_count(); ++i) {
    found |= message.field(i)->options().deprecated();
  }
  return found;
}

void ReadMessage(const pb::Descriptor& descriptor, File& file, Model& model) {
  Message& message = file.messages.emplace_back();
  message.name = descriptor.name();
  message.full_name = descriptor.full_name();
  message.class_name = cpp::ClassName(&descriptor);
  message.qualified = cpp::QualifiedClassName(&descriptor);
  message.comment = CommentOf(descriptor);
  message.location = LocationOf(descriptor);
  message.file = &file;
  message.is_nested = descriptor.containing_type() != nullptr;
  message.is_map_entry = descriptor.options().map_entry();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    message.fields.push_back(ReadField(*descriptor.field(i)));
  }
  ReadRoles(descriptor, message);
  file.has_deprecated |= HasDeprecated(descriptor);
  model.messages[message.full_name] = &message;

  for (int i = 0; i < descriptor.nested_type_count(); ++i) {
    ReadMessage(*descriptor.nested_type(i), file, model);
  }
  for (int i = 0; i < descriptor.enum_type_count(); ++i) {
    const pb::EnumDescriptor& type = *descriptor.enum_type(i);
    file.symbols.push_back({cpp::ClassName(&type), LocationOf(type)});
    file.has_deprecated |= type.options().deprecated();
  }
}

void ReadSymbols(const pb::FileDescriptor& descriptor, File& file) {
  for (int i = 0; i < descriptor.enum_type_count(); ++i) {
    const pb::EnumDescriptor& type = *descriptor.enum_type(i);
    file.symbols.push_back({type.name(), LocationOf(type)});
    file.has_deprecated |= type.options().deprecated();
    for (int v = 0; v < type.value_count(); ++v) {
      file.symbols.push_back(
          {cpp::EnumValueName(type.value(v)), LocationOf(*type.value(v))});
    }
  }
  for (int i = 0; i < descriptor.service_count(); ++i) {
    const pb::ServiceDescriptor& service = *descriptor.service(i);
    file.symbols.push_back({service.name(), LocationOf(service)});
  }
  for (int i = 0; i < descriptor.extension_count(); ++i) {
    const pb::FieldDescriptor& extension = *descriptor.extension(i);
    file.symbols.push_back({extension.name(), LocationOf(extension), true});
  }
}

// "::bank::v1::Account" and "Account" -> "bank::v1".
std::string NamespaceOf(const std::string& qualified,
                        const std::string& class_name) {
  const std::size_t length = qualified.size() - class_name.size();
  return length > 4 ? qualified.substr(2, length - 4) : "";
}

class Reader {
 public:
  File* Read(const pb::FileDescriptor& descriptor) {
    if (const auto known = read_.find(&descriptor); known != read_.end()) {
      return known->second;
    }
    std::vector<File*> visible;
    for (int i = 0; i < descriptor.dependency_count(); ++i) {
      Read(*descriptor.dependency(i));
      AddVisible(*descriptor.dependency(i), visible);
    }
    File& file = model_.files.emplace_back();
    read_[&descriptor] = &file;
    file.path = descriptor.name();
    file.package = descriptor.package();
    file.location =
        LocationAt(descriptor, {pb::FileDescriptorProto::kPackageFieldNumber});
    if (file.location.line == 0) file.location = {file.path, 1, 1};
    file.visible = std::move(visible);
    if (descriptor.options().optimize_for() == pb::FileOptions::LITE_RUNTIME) {
      file.lite_location =
          LocationAt(descriptor, {pb::FileDescriptorProto::kOptionsFieldNumber,
                                  pb::FileOptions::kOptimizeForFieldNumber});
    }
    ReadSymbols(descriptor, file);
    for (int i = 0; i < descriptor.message_type_count(); ++i) {
      ReadMessage(*descriptor.message_type(i), file, model_);
    }
    if (!file.messages.empty()) {
      file.cpp_namespace = NamespaceOf(file.messages.front().qualified,
                                       file.messages.front().class_name);
    }
    return &file;
  }

  Model Take() { return std::move(model_); }

 private:
  void AddVisible(const pb::FileDescriptor& descriptor,
                  std::vector<File*>& visible) {
    File* const file = read_.at(&descriptor);
    if (std::find(visible.begin(), visible.end(), file) == visible.end()) {
      visible.push_back(file);
    }
    for (int i = 0; i < descriptor.public_dependency_count(); ++i) {
      AddVisible(*descriptor.public_dependency(i), visible);
    }
  }

  Model model_;
  std::map<const pb::FileDescriptor*, File*> read_;
};

}  // namespace

Model ReadModelOf(const std::vector<const pb::FileDescriptor*>& wanted) {
  Reader reader;
  for (const pb::FileDescriptor* descriptor : wanted) {
    reader.Read(*descriptor)->is_wanted = true;
  }
  return reader.Take();
}

}  // namespace stele::codegen
