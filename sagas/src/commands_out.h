#ifndef STELE_SAGAS_SRC_COMMANDS_OUT_H_
#define STELE_SAGAS_SRC_COMMANDS_OUT_H_

#include <span>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/event_store.h"

namespace stele::sagas_internal {

// Which instances of one saga have sent commands that are not known to be
// answered: those with such a step ahead of their slot. Told by the log alone,
// so that it costs the engine nothing.
//
// Thread-compatible.
class CommandsOut {
 public:
  // Reads what is ahead of `slots`, which are all of the saga's consumer: at
  // most 10,000 steps.
  absl::Status Load(EventStore& store, const std::string& saga,
                    std::span<const SlotStatus> slots);

  // Also true if more is ahead than was read.
  bool Has(const std::string& instance_id) const {
    return is_partial_ || instances_.contains(instance_id);
  }

 private:
  absl::flat_hash_set<std::string> instances_;
  bool is_partial_ = false;
};

}  // namespace stele::sagas_internal

#endif  // STELE_SAGAS_SRC_COMMANDS_OUT_H_
