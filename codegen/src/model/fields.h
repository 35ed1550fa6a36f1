#ifndef STELE_CODEGEN_MODEL_FIELDS_H_
#define STELE_CODEGEN_MODEL_FIELDS_H_

#include "google/protobuf/descriptor.h"
#include "model/model.h"

namespace stele::codegen {

// A field as the model knows it.
Field ReadField(const google::protobuf::FieldDescriptor& descriptor);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_MODEL_FIELDS_H_
