#ifndef STELE_CODEGEN_MODEL_READER_H_
#define STELE_CODEGEN_MODEL_READER_H_

#include <vector>

#include "model/model.h"

namespace google::protobuf {
class FileDescriptor;
}  // namespace google::protobuf

namespace stele::codegen {

// The model that `wanted` and all that they import describe, not linked yet.
Model ReadModelOf(
    const std::vector<const google::protobuf::FileDescriptor*>& wanted);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_MODEL_READER_H_
