#ifndef STELE_EVENTSTORE_SRC_POSTGRES_NAMES_H_
#define STELE_EVENTSTORE_SRC_POSTGRES_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "stele/base/strings.h"

namespace stele::postgres_store {

// Names that the database keeps as numbers, as far as they have been met. A
// pair, once committed, never changes while the server runs, so nothing here is
// ever out of date. It may be wrong for another run: see ServerRun.
// Bounded: when `most` pairs have been added, those added before the last
// `most` are forgotten. So whoever relies on a name must have copied it.
//
// Thread-safe.
template <typename Id>
class Names {
 public:
  explicit Names(std::size_t most) : most_(most) {}

  std::optional<Id> IdOf(std::string_view name) const {
    absl::MutexLock lock(&mutex_);
    for (const Generation* g : {&young_, &old_}) {
      const auto found = g->ids.find(ToAbsl(name));
      if (found != g->ids.end()) return found->second;
    }
    return std::nullopt;
  }

  std::optional<std::string> NameOf(Id id) const {
    absl::MutexLock lock(&mutex_);
    for (const Generation* g : {&young_, &old_}) {
      const auto found = g->names.find(id);
      if (found != g->names.end()) return found->second;
    }
    return std::nullopt;
  }

  void Add(Id id, std::string_view name) {
    absl::MutexLock lock(&mutex_);
    if (young_.names.size() >= most_) old_ = std::exchange(young_, {});
    young_.ids.insert_or_assign(std::string(name), id);
    young_.names.insert_or_assign(id, std::string(name));
  }

 private:
  struct Generation {
    absl::flat_hash_map<std::string, Id> ids;
    absl::flat_hash_map<Id, std::string> names;
  };

  const std::size_t most_;
  mutable absl::Mutex mutex_;
  Generation young_ ABSL_GUARDED_BY(mutex_);
  Generation old_ ABSL_GUARDED_BY(mutex_);
};

// What is known of the names of a store.
struct KnownNames {
  Names<std::int32_t> types{20'000};
  Names<std::int32_t> categories{20'000};
  Names<std::int64_t> streams{100'000};
};

}  // namespace stele::postgres_store

#endif  // STELE_EVENTSTORE_SRC_POSTGRES_NAMES_H_
