#ifndef STELE_EVENTSTORE_SRC_POSTGRES_APPEND_BUSY_NAMES_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_APPEND_BUSY_NAMES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "postgres/append/batch.h"

namespace stele::postgres_store {

// That nothing was written since another session is registering a name.
absl::Status BusyNameError(std::string_view name);

// Event types and categories that could not be given numbers at the last try,
// since another session is doing so and has not committed. A name that is a
// type as well as a category counts as one.
//
// Not thread-safe.
class BusyNames {
 public:
  void Add(const std::vector<std::string_view>& names);
  void EraseAllOf(AppendUnit unit);
  void Clear() { names_.clear(); }

  // One that the unit needs, if any.
  std::optional<std::string> FindIn(AppendUnit unit) const;

 private:
  absl::flat_hash_set<std::string> names_;
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_APPEND_BUSY_NAMES_H_
