#ifndef STELE_EVENTSTORE_SRC_POSTGRES_NAMES_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "stele/base/strings.h"

namespace stele::postgres_store {

// Names that the database keeps as numbers, as far as they have been met. A
// pair, once committed, never changes, so nothing here is ever out of date.
// Bounded: it forgets all when it is full.
//
// Thread-safe.
template <typename Id>
class Names {
 public:
  explicit Names(std::size_t most) : most_(most) {}

  std::optional<Id> IdOf(std::string_view name) const {
    absl::MutexLock lock(&mutex_);
    const auto found = ids_.find(ToAbsl(name));
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }

  std::optional<std::string> NameOf(Id id) const {
    absl::MutexLock lock(&mutex_);
    const auto found = names_.find(id);
    if (found == names_.end()) return std::nullopt;
    return found->second;
  }

  void Add(Id id, std::string_view name) {
    absl::MutexLock lock(&mutex_);
    if (names_.size() >= most_) {
      names_.clear();
      ids_.clear();
    }
    ids_.insert_or_assign(std::string(name), id);
    names_.insert_or_assign(id, std::string(name));
  }

 private:
  const std::size_t most_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Id> ids_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<Id, std::string> names_ ABSL_GUARDED_BY(mutex_);
};

// What all parts of a store know of its names.
struct KnownNames {
  Names<std::int32_t> types{100'000};
  Names<std::int32_t> categories{100'000};
  Names<std::int64_t> streams{100'000};
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_NAMES_H_
