#include "log_tail.h"

#include <fstream>
#include <iterator>

namespace stele::sandbox {
namespace {

constexpr std::size_t kTailBytes = 2000;

}  // namespace

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string LogTail(const std::string& path) {
  std::string text = ReadFile(path);
  if (text.size() > kTailBytes) {
    const std::size_t line = text.find('\n', text.size() - kTailBytes);
    if (line != std::string::npos) text.erase(0, line + 1);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace stele::sandbox
