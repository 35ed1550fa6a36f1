#ifndef STELE_TESTS_OUTBOX_FAILPOINTS_H_
#define STELE_TESTS_OUTBOX_FAILPOINTS_H_

#include <memory>
#include <string>
#include <string_view>

#include "stele/eventstore/event_store.h"
#include "stele/outbox/broker.h"

namespace stele::testing {

// Where a child process dies or stands still, as its parent told it in the
// environment:
//
//   STELE_FAIL_AT      "acked:3": the third time it comes to point "acked"
//   STELE_FAIL_HOW     "die": kill -9 of itself; "pause": until told to go on
//   STELE_FAIL_FOLDER  where it makes the file "paused" and waits for "go"
//
// The points are between the calls of the library and the real broker and
// store, in the decorators below; the library knows nothing of them.
void HitFailpoint(std::string_view point);

// True iff `point` is the one named in the environment.
bool IsFailpointArmed(std::string_view point);

// Publishers: "read" before, "amid" when half of the batch is acknowledged, and
// "acked" after a publish. Consumers: "fetched" after a fetch that brought
// something, "handled" before and "settled" after an acknowledgement. `broker`
// must outlive it.
std::unique_ptr<Broker> WithFailpoints(Broker& broker);

// "in_commit" when the work of a transaction is done and not committed,
// "committed" after it is. `store` must outlive it.
std::unique_ptr<EventStore> WithFailpoints(EventStore& store);

}  // namespace stele::testing

#endif  // STELE_TESTS_OUTBOX_FAILPOINTS_H_
