#ifndef STELE_CODEGEN_CHECK_LINK_H_
#define STELE_CODEGEN_CHECK_LINK_H_

#include "model/model.h"
#include "model/problems.h"

namespace stele::codegen {

// Joins the parts of `model`: finds the message that each option names, and
// gives each aggregate its commands and events. What cannot be joined in a
// wanted file is added to `problems`.
//
// A command or event belongs to the file of its aggregate, whose header must
// know them all. One of another file, which that file imports, names its
// aggregate with a leading dot: it cannot see it, and is linked from there.
void LinkModel(Model& model, Problems& problems);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_CHECK_LINK_H_
