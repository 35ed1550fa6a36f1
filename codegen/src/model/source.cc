#include "model/source.h"

#include "google/protobuf/descriptor.pb.h"

namespace stele::codegen {
namespace {

namespace pb = google::protobuf;

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

// Where the option stands whose place is `path`, or else `fallback`.
Location OptionAt(const pb::FileDescriptor& file, std::vector<int> path,
                  const Location& fallback) {
  Location found = LocationAt(file, path);
  // `option (stele.command).on = ...` is recorded one level deeper.
  for (int member = 1; found.line == 0 && member <= 8; ++member) {
    path.push_back(member);
    found = LocationAt(file, path);
    path.pop_back();
  }
  return found.line != 0 ? found : fallback;
}

}  // namespace

Location LocationAt(const pb::FileDescriptor& file,
                    const std::vector<int>& path) {
  pb::SourceLocation source;
  if (!file.GetSourceLocation(path, &source)) return {file.name(), 0, 0};
  return {file.name(), source.start_line + 1, source.start_column + 1};
}

Location OptionLocation(const pb::Descriptor& message, int extension) {
  std::vector<int> path = PathOf(message);
  path.push_back(pb::DescriptorProto::kOptionsFieldNumber);
  path.push_back(extension);
  return OptionAt(*message.file(), path, LocationOf(message));
}

Location OptionLocation(const pb::FieldDescriptor& field, int extension) {
  std::vector<int> path = PathOf(field);
  path.push_back(pb::FieldDescriptorProto::kOptionsFieldNumber);
  path.push_back(extension);
  return OptionAt(*field.file(), path, LocationOf(field));
}

}  // namespace stele::codegen
