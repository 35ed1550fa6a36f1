#include "stele/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace stele::check_internal {

void Fail(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace stele::check_internal
