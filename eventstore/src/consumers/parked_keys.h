#ifndef STELE_EVENTSTORE_SRC_CONSUMERS_PARKED_KEYS_H_
#define STELE_EVENTSTORE_SRC_CONSUMERS_PARKED_KEYS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "consumers/slots.h"
#include "stele/eventstore/consumer_storage.h"

namespace stele {

// The parked keys of the slots held, exactly: an event of one of them must be
// held, any other must not.
//
// Not thread-safe: one thread at a time.
class ParkedKeys {
 public:
  // Takes over what the storage knows, as far as it is of held slots.
  void Load(const std::vector<ParkedKey>& stored, const ConsumerSlots& slots);

  void Put(const ParkedKey& parked) { keys_[parked.key] = parked; }
  void Erase(const std::string& key) { keys_.erase(key); }

  bool Contains(std::string_view key) const {
    return keys_.find(key) != keys_.end();
  }
  bool empty() const { return keys_.empty(); }
  std::int64_t size() const { return static_cast<std::int64_t>(keys_.size()); }

  // Those whose time has come or for which an operator has asked.
  std::vector<ParkedKey> Due(absl::Time now) const;

 private:
  std::map<std::string, ParkedKey, std::less<>> keys_;
};

}  // namespace stele

#endif  // STELE_EVENTSTORE_SRC_CONSUMERS_PARKED_KEYS_H_
