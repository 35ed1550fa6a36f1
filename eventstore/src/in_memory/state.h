#ifndef STELE_EVENTSTORE_SRC_IN_MEMORY_STATE_H_
#define STELE_EVENTSTORE_SRC_IN_MEMORY_STATE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "stele/base/uuid.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/eventstore/event_store.h"

namespace stele::in_memory {

using EventPtr = std::shared_ptr<const RecordedEvent>;

struct Stream {
  std::vector<EventPtr> events;  // By version - 1.
  // Of the events that are known again however old they are, by id.
  absl::flat_hash_map<Uuid, std::int64_t> listed;
  absl::flat_hash_map<Uuid, AppendResult> result_of;  // By command id.
  bool is_tombstoned = false;
};

struct Parked {
  ParkedKey parked;
  std::set<std::int64_t> held;
};

// See 0007_consumers.sql.
struct Owner {
  std::vector<std::string> types;
  std::int64_t joined = 0;
  bool yields = false;
  absl::Time live_until;
  absl::Time awaited_until;
};

struct ConsumerState {
  std::vector<SlotStatus> slots;
  std::map<std::string, Owner> owners;   // By name.
  std::map<std::string, Parked> parked;  // By key.
  bool is_paused = false;
};

// All that is committed.
struct State {
  std::vector<EventPtr> log;  // By position - 1.
  absl::flat_hash_map<std::string, Stream> streams;
  absl::flat_hash_map<std::string, Snapshot> snapshots;
  std::map<std::string, ConsumerState> consumers;

  std::int64_t head() const { return static_cast<std::int64_t>(log.size()); }
};

}  // namespace stele::in_memory

#endif  // STELE_EVENTSTORE_SRC_IN_MEMORY_STATE_H_
