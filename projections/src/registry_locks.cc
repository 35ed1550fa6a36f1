// What keeps whom from what while the registry is looked at or changed.
#include <algorithm>
#include <cstdint>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "registry.h"

namespace stele::projections_internal {
namespace {

// Advisory locks in two numbers: one class for inline appends, one for changes
// of the registry. The store's own are of two numbers as well, of which the
// first is the oid of one of its sequences. What meets by chance, there or
// among the hashed names, waits for each other and is right all the same.
constexpr int kInlineLockClass = 0x53504A49;
constexpr int kChangeLockClass = 0x53504A43;

}  // namespace

void Registry::LockChanges() {
  sql_.exec_params("SELECT pg_advisory_xact_lock($1::int, hashtext($2))",
                   kChangeLockClass, schema_);
}

void LimitLockWaits(Registry& registry, absl::Duration timeout) {
  registry.sql().exec(absl::StrCat(
      "SET LOCAL lock_timeout = ",
      std::max<std::int64_t>(1, absl::ToInt64Milliseconds(timeout))));
}

bool TryShareInline(Registry& registry, const std::string& name) {
  return registry.sql()
      .exec_params(
          "SELECT pg_try_advisory_xact_lock_shared($1::int, hashtext($2))",
          kInlineLockClass, registry.Table(name))[0][0]
      .as<bool>();
}

void LockInline(Registry& registry, const std::string& name) {
  registry.sql().exec_params(
      "SELECT pg_advisory_xact_lock($1::int, hashtext($2))", kInlineLockClass,
      registry.Table(name));
}

}  // namespace stele::projections_internal
