#ifndef STELE_PROJECTIONS_SRC_FEEDS_INLINE_STORE_H_
#define STELE_PROJECTIONS_SRC_FEEDS_INLINE_STORE_H_

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "rows/rows.h"
#include "stele/eventstore/event_store.h"
#include "stele/eventstore/transaction.h"

namespace stele::projections_internal {

// An error of InlineSession::Apply(): a switch holds appends back right now.
// The whole transaction, connection and all, is to be given up and begun anew.
absl::Status HeldBackError(std::string_view projection);
bool IsHeldBack(const absl::Status& status);

// What inline projections do in one transaction, which may append several
// times. Not thread-safe: one thread at a time.
class InlineSession {
 public:
  virtual ~InlineSession() = default;
  // Applies events, of any types, about to be appended.
  virtual absl::Status Apply(std::span<const EventRef> events) = 0;
};

// Projections that run in the transaction of the append. Thread-safe.
class InlineWork {
 public:
  virtual ~InlineWork() = default;
  // True iff one of the projections consumes events of this type.
  virtual bool Consumes(std::string_view event_type) const = 0;
  // `tx` outlives the session.
  virtual std::unique_ptr<InlineSession> Begin(Transaction& tx) = 0;
};

// The events that `projection` consumes.
std::vector<EventRef> OnlyOf(const Projection& projection,
                             std::span<const EventRef> events);

// `store` with `work` done in every append that it concerns. Both must outlive
// it.
std::unique_ptr<EventStore> MakeInlineStore(EventStore& store,
                                            InlineWork& work);

}  // namespace stele::projections_internal

#endif  // STELE_PROJECTIONS_SRC_FEEDS_INLINE_STORE_H_
