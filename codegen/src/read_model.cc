#include "read_model.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/compiler/cpp/names.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "stele/options.pb.h"

namespace stele::codegen {
namespace {

namespace pb = google::protobuf;
namespace cpp = google::protobuf::compiler::cpp;

Location LocationAt(const pb::FileDescriptor& file,
                    const std::vector<int>& path) {
  pb::SourceLocation source;
  if (!file.GetSourceLocation(path, &source)) return {file.name(), 0, 0};
  return {file.name(), source.start_line + 1, source.start_column + 1};
}

template <typename Descriptor>
Location LocationOf(const Descriptor& descriptor) {
  pb::SourceLocation source;
  if (!descriptor.GetSourceLocation(&source)) {
    return {descriptor.file()->name(), 0, 0};
  }
  return {descriptor.file()->name(), source.start_line + 1,
          source.start_column + 1};
}

std::vector<int> PathOf(const pb::Descriptor& message) {
  if (message.containing_type() == nullptr) {
    return {pb::FileDescriptorProto::kMessageTypeFieldNumber, message.index()};
  }
  std::vector<int> path = PathOf(*message.containing_type());
  path.push_back(pb::DescriptorProto::kNestedTypeFieldNumber);
  path.push_back(message.index());
  return path;
}

std::vector<int> PathOf(const pb::FieldDescriptor& field) {
  std::vector<int> path = PathOf(*field.containing_type());
  path.push_back(pb::DescriptorProto::kFieldFieldNumber);
  path.push_back(field.index());
  return path;
}

// Where an option of a message or field stands; the message or field itself if
// that is unknown.
template <typename Descriptor>
Location OptionLocation(const Descriptor& descriptor, int options_tag,
                        int extension) {
  std::vector<int> path = PathOf(descriptor);
  path.push_back(options_tag);
  path.push_back(extension);
  Location found = LocationAt(*descriptor.file(), path);
  // `option (stele.command).on = ...` is recorded one level deeper.
  for (int member = 1; found.line == 0 && member <= 8; ++member) {
    path.push_back(member);
    found = LocationAt(*descriptor.file(), path);
    path.pop_back();
  }
  return found.line != 0 ? found : LocationOf(descriptor);
}

template <typename Extension>
Location RoleLocation(const pb::Descriptor& message,
                      const Extension& extension) {
  return OptionLocation(message, pb::DescriptorProto::kOptionsFieldNumber,
                        extension.number());
}

// The comment above or behind `descriptor`, without what only decorates it.
template <typename Descriptor>
std::string CommentOf(const Descriptor& descriptor) {
  pb::SourceLocation source;
  if (!descriptor.GetSourceLocation(&source)) return "";
  std::string comment = source.leading_comments;
  if (!source.trailing_comments.empty()) {
    if (!comment.empty() && !absl::EndsWith(comment, "\n")) comment += '\n';
    comment += source.trailing_comments;
  }
  return comment;
}

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
  if (field.type == FieldType::kMessage) {
    field.message_type = values->message_type()->full_name();
  }
  if (const auto* oneof = descriptor.real_containing_oneof()) {
    field.oneof = oneof->name();
  }
  field.has_other_ctype =
      descriptor.options().ctype() != pb::FieldOptions::STRING;
  field.is_id = descriptor.options().GetExtension(stele::id);
  if (field.is_id) {
    field.id_location = OptionLocation(
        descriptor, pb::FieldDescriptorProto::kOptionsFieldNumber,
        stele::id.number());
  }
  return field;
}

Route ReadRoute(const stele::Route& route) {
  return {{route.event(), nullptr}, route.by(), nullptr};
}

Aggregate ReadAggregate(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::aggregate);
  Aggregate aggregate;
  aggregate.location = RoleLocation(descriptor, stele::aggregate);
  aggregate.stream = options.stream();
  aggregate.snapshot_every = options.snapshot_every();
  return aggregate;
}

Command ReadCommand(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::command);
  return {RoleLocation(descriptor, stele::command),
          {options.on(), nullptr},
          options.creates()};
}

Event ReadEvent(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::event);
  Event event;
  event.location = RoleLocation(descriptor, stele::event);
  event.of.written = options.of();
  event.has_own_name = !options.name().empty();
  event.stored_name =
      event.has_own_name ? options.name() : descriptor.full_name();
  event.is_public = options.public_();
  event.topic = options.topic();
  return event;
}

ReadModel ReadReadModel(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::projection);
  ReadModel read_model;
  read_model.location = RoleLocation(descriptor, stele::projection);
  read_model.table = options.table();
  read_model.sql = options.sql();
  for (const std::string& event : options.from()) {
    read_model.routes.push_back({{event, nullptr}, "", nullptr});
  }
  for (const stele::Route& route : options.on()) {
    read_model.routes.push_back(ReadRoute(route));
  }
  return read_model;
}

Saga ReadSaga(const pb::Descriptor& descriptor) {
  const auto& options = descriptor.options().GetExtension(stele::saga);
  Saga saga;
  saga.location = RoleLocation(descriptor, stele::saga);
  if (options.has_starts_on()) saga.starts_on = ReadRoute(options.starts_on());
  for (const stele::Route& route : options.on()) {
    saga.on.push_back(ReadRoute(route));
  }
  for (const std::string& command : options.sends()) {
    saga.sends.push_back({command, nullptr});
  }
  saga.timers = {options.timers().begin(), options.timers().end()};
  return saga;
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
  const pb::MessageOptions& options = descriptor.options();
  if (options.HasExtension(stele::aggregate)) {
    message.aggregate = ReadAggregate(descriptor);
  }
  if (options.HasExtension(stele::command)) {
    message.command = ReadCommand(descriptor);
  }
  if (options.HasExtension(stele::event)) {
    message.event = ReadEvent(descriptor);
  }
  if (options.HasExtension(stele::projection)) {
    message.read_model = ReadReadModel(descriptor);
  }
  if (options.HasExtension(stele::saga)) message.saga = ReadSaga(descriptor);
  model.messages[message.full_name] = &message;

  for (int i = 0; i < descriptor.nested_type_count(); ++i) {
    ReadMessage(*descriptor.nested_type(i), file, model);
  }
  for (int i = 0; i < descriptor.enum_type_count(); ++i) {
    const pb::EnumDescriptor& type = *descriptor.enum_type(i);
    file.symbols.push_back({cpp::ClassName(&type), LocationOf(type)});
  }
}

void ReadSymbols(const pb::FileDescriptor& descriptor, File& file) {
  for (int i = 0; i < descriptor.enum_type_count(); ++i) {
    const pb::EnumDescriptor& type = *descriptor.enum_type(i);
    file.symbols.push_back({type.name(), LocationOf(type)});
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
    file.symbols.push_back({extension.name(), LocationOf(extension)});
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
