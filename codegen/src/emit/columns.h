#ifndef STELE_CODEGEN_EMIT_COLUMNS_H_
#define STELE_CODEGEN_EMIT_COLUMNS_H_

#include <string>

namespace stele::codegen {

inline constexpr int kColumns = 80;
inline constexpr int kContinuation = 4;  // Indentation of a line's second part.

// Display columns of UTF-8 text; what may be wide counts as two.
int Width(const std::string& text);

// The number of blanks that `line` begins with.
int IndentOf(const std::string& line);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_COLUMNS_H_
