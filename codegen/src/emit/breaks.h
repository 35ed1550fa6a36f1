#ifndef STELE_CODEGEN_EMIT_BREAKS_H_
#define STELE_CODEGEN_EMIT_BREAKS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace stele::codegen {

// A place where a line of code may be broken: before `text[at]`.
struct Break {
  enum class Kind {
    kAfterAssign,
    kAfterOpen,
    kAfterComma,
    kBeforeInitializers,
    kBeforeName,           // Of the function that is declared.
    kBeforeParameterName,  // Only where it does not fit otherwise.
  };
  Kind kind;
  std::size_t at;
  int depth;    // Of brackets around it.
  int penalty;  // clang-format's, of breaking here.
};

// Where `code`, a line without its indentation, may be broken, in order.
std::vector<Break> FindBreaks(const std::string& code);

// True iff `code` declares a member of a Fields struct that is a container.
bool IsDataMember(const std::string& code);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_BREAKS_H_
