#ifndef STELE_CODEGEN_EMIT_TEMPLATE_H_
#define STELE_CODEGEN_EMIT_TEMPLATE_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace stele::codegen {

// What stands in the holes of a template, by name.
using Holes = std::vector<std::pair<std::string, std::string>>;

// `text` with its holes filled. Stands in for io::Printer::Emit(), which
// Protocol Buffers brings from version 22 on:
//
//   Fill(R"(
//     struct $name$ {
//       $fields$
//     };
//   )", {{"name", "DepositFields"}, {"fields", "int a = 0;\nint b = 0;"}})
//
// The first line is dropped if it is empty, the last if it is blank, and the
// indentation common to all lines is removed. A hole alone on its line takes
// any number of lines, each indented like the hole; with none the line goes.
// A hole without a value is a bug in the caller, and aborts.
std::string Fill(const std::string& text, const Holes& holes);

// The lines of all `parts`, one after the other; `separator` between them.
std::string Join(const std::vector<std::string>& parts,
                 const std::string& separator = "\n");

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_TEMPLATE_H_
