#ifndef STELE_CODEGEN_EMIT_LAYOUT_H_
#define STELE_CODEGEN_EMIT_LAYOUT_H_

#include <string>

namespace stele::codegen {

// `text` with every line that is longer than 80 columns broken as clang-format
// with Google style would, and without blank lines that it would remove.
//
// Templates can so be written as if lines were endless. This knows only the few
// forms of C++ that they use: comments, declarations, calls, using and concept.
// A function written on one line, "head { body }", is spread over three if it
// does not fit.
std::string LayOut(const std::string& text);

}  // namespace stele::codegen

#endif  // STELE_CODEGEN_EMIT_LAYOUT_H_
