#ifndef STELE_CODEGEN_MODEL_SOURCE_H_
#define STELE_CODEGEN_MODEL_SOURCE_H_

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "model/problems.h"

namespace stele::codegen {

// Where things stand in a .proto, and what is written beside them. Only the
// file is known of what was compiled without its source.

// Where `path`, as in SourceCodeInfo, leads to.
Location LocationAt(const google::protobuf::FileDescriptor& file,
                    const std::vector<int>& path);

template <typename Descriptor>
Location LocationOf(const Descriptor& descriptor) {
  google::protobuf::SourceLocation source;
  if (!descriptor.GetSourceLocation(&source)) {
    return {descriptor.file()->name(), 0, 0};
  }
  return {descriptor.file()->name(), source.start_line + 1,
          source.start_column + 1};
}

// Where the option with number `extension` stands; the message or field itself
// if that is unknown.
Location OptionLocation(const google::protobuf::Descriptor& message,
                        int extension);
Location OptionLocation(const google::protobuf::FieldDescriptor& field,
                        int extension);

// The comments above and behind `descriptor`.
template <typename Descriptor>
std::string CommentOf(const Descriptor& descriptor) {
  google::protobuf::SourceLocation source;
  if (!descriptor.GetSourceLocation(&source)) return "";
  std::string comment = source.leading_comments;
  if (!source.trailing_comments.empty()) {
    if (!comment.empty() && comment.back() != '\n') comment += '\n';
    comment += source.trailing_comments;
  }
  return comment;
}

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_MODEL_SOURCE_H_
