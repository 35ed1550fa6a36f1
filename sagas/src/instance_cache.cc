#include "instance_cache.h"

#include <utility>

namespace stele::sagas_internal {

std::optional<SagaInstance> InstanceCache::Take(const std::string& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  std::optional<SagaInstance> instance = std::move(*found->second);
  entries_.erase(found->second);
  by_id_.erase(found);
  return instance;
}

void InstanceCache::Put(SagaInstance instance) {
  if (instances_max_ == 0) return;
  Take(instance.id);
  if (entries_.size() >= instances_max_) {
    by_id_.erase(entries_.back().id);
    entries_.pop_back();
  }
  entries_.push_front(std::move(instance));
  by_id_.emplace(entries_.front().id, entries_.begin());
}

SagaInstance* InstanceCache::Find(const std::string& id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &*found->second;
}

void InstanceCache::Clear() {
  by_id_.clear();
  entries_.clear();
}

}  // namespace stele::sagas_internal
