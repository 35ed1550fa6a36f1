#ifndef STELE_RUNTIME_SRC_RUNTIME_IMPL_H_
#define STELE_RUNTIME_SRC_RUNTIME_IMPL_H_

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "problems.h"
#include "stele/aggregates/aggregate_dispatcher.h"
#include "stele/projections/projections.h"
#include "stele/runtime/runtime.h"
#include "stele/sagas/saga_storage.h"
#include "supervisor.h"
#include "worker.h"

namespace stele {

struct RelaySetup {
  std::shared_ptr<Broker> broker;
  RelayRoutes routes;
  std::string name;
};

struct InboxSetup {
  std::shared_ptr<Broker> broker;
  InboxOptions options;
  std::function<void(Inbox&)> add_handlers;
};

struct WorkSetup {
  std::string name;
  std::function<absl::Status(std::stop_token)> work;
};

struct Runtime::Impl {
  Impl(std::shared_ptr<EventStore> the_store, RuntimeOptions the_options);

  // Make parts of what was added; each notes what is wrong and goes on.
  void MakeProjections(Problems& problems);
  void MakeDispatcher(Problems& problems);
  void MakeSagas(Problems& problems);
  void MakeRelays(Problems& problems);
  void MakeInboxes(Problems& problems);
  void MakeWorks(Problems& problems);

  // Has the others know what this process handles, before it handles anything.
  absl::Status JoinConsumers();

  absl::Status MakeSaga(const SagaType& type);
  absl::Status MakeRelay(const RelaySetup& setup);
  absl::Status MakeInbox(const InboxSetup& setup);
  // Has a T run under supervision. It is made once here, to find out whether
  // it can be, and once for every run.
  template <typename T>
  absl::Status Supervise(const std::string& name,
                         typename OneShotWorker<T>::Make make);
  absl::Status TakeName(const std::string& name);
  // kFailedPrecondition if the consumer was begun with another number of slots
  // than the options say.
  absl::Status CheckSlots(const std::string& consumer);

  // Where to append, so that inline projections see it.
  EventStore& append_store() {
    return projections == nullptr ? *store : projections->store();
  }

  const std::shared_ptr<EventStore> store;
  const RuntimeOptions options;
  Metrics& metrics;
  const std::string owner;

  // What was added, until Start() makes parts of it.
  std::vector<AggregateType> aggregates;
  std::vector<ProjectionSetup> setups;
  std::vector<SagaType> sagas;
  std::vector<RelaySetup> relays;
  std::vector<InboxSetup> inboxes;
  std::vector<WorkSetup> works;

  // In the order in which they depend on each other; the supervisor, whose
  // threads use all of it, goes first.
  std::unique_ptr<Projections> projections;
  std::unique_ptr<AggregateDispatcher> dispatcher;
  std::shared_ptr<SagaStorage> saga_storage;
  std::vector<std::unique_ptr<BatchHandler>> handlers;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::function<absl::Status()>> joins;  // Until Start() is done.
  std::set<std::string> names;                       // Of parts.

  // Set when all of the above is there and will not change any more: what other
  // threads look at before they touch it.
  std::atomic<bool> is_started = false;
  std::atomic<bool> is_stopping = false;
  Supervisor supervisor;
};

}  // namespace stele

#endif  // STELE_RUNTIME_SRC_RUNTIME_IMPL_H_
