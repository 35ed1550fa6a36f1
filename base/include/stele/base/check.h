#ifndef STELE_BASE_CHECK_H_
#define STELE_BASE_CHECK_H_

namespace stele::check_internal {
[[noreturn]] void Fail(const char* condition, const char* file, int line);
}  // namespace stele::check_internal

// Aborts with file and line unless `condition` holds. For our own invariants
// only: bad input is an absl::Status, never a check.
#define STELE_CHECK(condition)  \
  (static_cast<bool>(condition) \
       ? static_cast<void>(0)   \
       : ::stele::check_internal::Fail(#condition, __FILE__, __LINE__))

#endif  // STELE_BASE_CHECK_H_
