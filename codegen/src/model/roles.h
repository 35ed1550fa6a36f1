#ifndef STELE_CODEGEN_MODEL_ROLES_H_
#define STELE_CODEGEN_MODEL_ROLES_H_

#include "google/protobuf/descriptor.h"
#include "model/model.h"

namespace stele::codegen {

// Sets in `message` what the options of its `descriptor` make of it.
void ReadRoles(const google::protobuf::Descriptor& descriptor,
               Message& message);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_MODEL_ROLES_H_
