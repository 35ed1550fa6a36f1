#ifndef STELE_CODEGEN_EMIT_CODE_LINE_H_
#define STELE_CODEGEN_EMIT_CODE_LINE_H_

#include <string>
#include <vector>

namespace stele::codegen {

// `line`, which is longer than 80 columns, broken where it is the least evil by
// the penalties of clang-format.
std::vector<std::string> BreakCode(const std::string& line);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_CODE_LINE_H_
