#ifndef STELE_CODEGEN_CHECK_IDS_H_
#define STELE_CODEGEN_CHECK_IDS_H_

#include <string>
#include <vector>

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// Each adds to `problems` what is wrong with fields that are marked as id.

// Fields marked as id where that means nothing.
void CheckIdMarks(const Message& message, Problems& problems);

// That `ids`, of what `owner` says in words, are one at most.
void ExpectOneId(const std::vector<const Field*>& ids, const std::string& owner,
                 const std::string& instead, Problems& problems);

// That `field` can be an id.
void CheckKey(const Field& field, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_IDS_H_
