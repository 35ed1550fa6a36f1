#include "emit/columns.h"

#include <algorithm>

namespace stele::codegen {

int Width(const std::string& text) {
  int width = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 || byte >= 0xC0) width += byte >= 0xE1 ? 2 : 1;
  }
  return width;
}

int IndentOf(const std::string& line) {
  return static_cast<int>(std::min(line.find_first_not_of(' '), line.size()));
}

}  // namespace stele::codegen
