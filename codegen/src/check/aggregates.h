#ifndef STELE_CODEGEN_CHECK_AGGREGATES_H_
#define STELE_CODEGEN_CHECK_AGGREGATES_H_

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// What is wrong with one message that is an aggregate ...
void CheckAggregate(const Message& message, Problems& problems);

// ... a command ...
void CheckCommand(const Message& message, Problems& problems);

// ... or an event,
void CheckEvent(const Message& message, Problems& problems);

// and with the fields of a command or event: those for which no Make...() can
// be generated.
void CheckFields(const Message& message, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_AGGREGATES_H_
