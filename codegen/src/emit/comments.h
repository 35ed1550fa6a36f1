#ifndef STELE_CODEGEN_EMIT_COMMENTS_H_
#define STELE_CODEGEN_EMIT_COMMENTS_H_

#include <string>

namespace stele::codegen {

// True iff a line of C++ that ends with `text` goes on in the next one.
bool ContinuesLine(const std::string& text);

// `comment` of a .proto as lines "// ...". Empty if it is. What compilers warn
// of in comments is left out.
std::string CommentLines(const std::string& comment);

// A comment: `first`, and then what the .proto says, if anything.
std::string CommentWith(const std::string& first, const std::string& comment);

// A heading with rules above and below.
std::string Heading(const std::string& text);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_COMMENTS_H_
