#ifndef STELE_TESTS_CHAOS_SAGA_KILL_POINTS_H_
#define STELE_TESTS_CHAOS_SAGA_KILL_POINTS_H_

#include <memory>
#include <string>
#include <vector>

#include "stele/aggregates/dispatcher.h"
#include "stele/eventstore/event_store.h"
#include "stele/sagas/saga_storage.h"

namespace stele::testing {

// The points at which a process that runs sagas can be killed, or made to stand
// still: see tests/outbox/failpoints.h. The decorators below come to them; the
// library knows nothing of them. In the order of a saga's life:
//
//   step_written       in the transaction of steps, before their append
//   step_appended      in it, after the append and before the commit
//   step_committed     after the commit, before the engine hears of it
//   command_sent       before a command is dispatched
//   command_appending  before its events are appended
//   command_appended   after they are durable, before anybody hears of it
//   command_answered   after it was answered, before the saga records it
//   timer_taken        in the transaction of a timer, its row gone
//   timer_appended     in it, with the record appended
//   timer_committed    after its commit
//
// and undo_... for those of a compensation: undo_written, undo_appended,
// undo_committed, undo_sent, undo_answered.
const std::vector<std::string>& SagaKillPoints();

// A process's store, saga storage and dispatcher with those points in them.
// Everything must outlive what is made of it.
std::unique_ptr<EventStore> WithSagaKillPoints(EventStore& store);
std::unique_ptr<SagaStorage> WithSagaKillPoints(SagaStorage& storage);
// `undo` is the type of the commands that undo.
std::unique_ptr<Dispatcher> WithSagaKillPoints(Dispatcher& dispatcher,
                                               std::string undo);

}  // namespace stele::testing

#endif  // STELE_TESTS_CHAOS_SAGA_KILL_POINTS_H_
