#ifndef STELE_SAGAS_SRC_INSTANCE_CACHE_H_
#define STELE_SAGAS_SRC_INSTANCE_CACHE_H_

#include <cstddef>
#include <list>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "instance.h"

namespace stele::sagas_internal {

// Instances kept between batches by the one owner of their slots; the least
// recently used go first. Also keeps that there is no such instance.
//
// Not thread-safe: one thread at a time.
class InstanceCache {
 public:
  explicit InstanceCache(std::size_t instances_max)
      : instances_max_(instances_max) {}

  // Takes the instance out, so that one that was changed and not committed is
  // not met again.
  std::optional<SagaInstance> Take(const std::string& id);
  void Put(SagaInstance instance);

  // In place; null if it is not here. Valid until the next call.
  SagaInstance* Find(const std::string& id);
  void Clear();

 private:
  using Entries = std::list<SagaInstance>;  // The latest used first.

  std::size_t instances_max_;
  Entries entries_;
  absl::flat_hash_map<std::string, Entries::iterator> by_id_;
};

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_INSTANCE_CACHE_H_
