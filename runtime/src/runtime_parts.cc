// What was added to a runtime becomes parts under supervision.
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime_impl.h"
#include "stele/base/clock.h"
#include "stele/base/invoke_user.h"
#include "stele/base/status.h"
#include "stele/base/strings.h"
#include "stele/eventstore/consumer_storage.h"
#include "stele/outbox/inbox_storage.h"
#include "stele/sagas/saga_engine.h"

namespace stele {

absl::Status Runtime::Impl::TakeName(const std::string& name) {
  if (names.insert(name).second) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(
      "two parts are named ", Quoted(name), "; give each a name of its own"));
}

void Runtime::Impl::MakeProjections(Problems& problems) {
  ProjectionsOptions projection_options = options.projections;
  projection_options.process = owner;
  projection_options.slots = options.consumer_slots;
  projection_options.lease = options.lease;
  projection_options.metrics = options.metrics;
  auto made =
      Projections::Create(*store, setups, std::move(projection_options));
  if (!made.ok()) return problems.Note("projections", made.status());
  projections = *std::move(made);
  if (setups.empty()) return;
  problems.Note("projections", TakeName("projections"));
  supervisor.Add("projections", [this](std::stop_token stop) {
    return projections->Run(stop);
  });
}

void Runtime::Impl::MakeDispatcher(Problems& problems) {
  dispatcher = stele::MakeDispatcher(
      append_store(), {.conflict_retries_max = options.conflict_retries_max,
                       .metrics = options.metrics});
  for (AggregateType& type : aggregates) {
    const std::string part = absl::StrCat("aggregate ", type.name());
    problems.Note(part, dispatcher->Add(std::move(type)));
  }
}

absl::Status Runtime::Impl::CheckSlots(const std::string& consumer) {
  STELE_ASSIGN_OR_RETURN(const std::vector<ConsumerStatus> known,
                         store->consumers().List());
  for (const ConsumerStatus& status : known) {
    const auto slots = static_cast<int>(status.slots.size());
    if (status.name != consumer || slots == options.consumer_slots) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("consumer ", Quoted(consumer), " was begun with ", slots,
                     " slots, which stay, and the setting says ",
                     options.consumer_slots, ": set --consumer-slots=", slots));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status Runtime::Impl::Supervise(const std::string& name,
                                      typename OneShotWorker<T>::Make make) {
  STELE_RETURN_IF_ERROR(TakeName(name));
  STELE_ASSIGN_OR_RETURN(std::shared_ptr<T> first, make());
  if constexpr (requires { first->Join(); }) {
    joins.push_back([first, name] { return Annotate(first->Join(), name); });
  }
  workers.push_back(std::make_unique<OneShotWorker<T>>(name, std::move(make)));
  supervisor.Add(name, [worker = workers.back().get()](std::stop_token stop) {
    return worker->Run(stop);
  });
  return absl::OkStatus();
}

absl::Status Runtime::Impl::JoinConsumers() {
  for (const auto& join : joins) {
    const absl::Status joined = join();
    if (joined.ok()) continue;
    // Or others would yield to what never works. If the database is away, they
    // wait until it is no longer expected.
    for (const auto& worker : workers) {
      store->consumers().Release(worker->name(), owner).IgnoreError();
    }
    return joined;
  }
  joins.clear();
  return absl::OkStatus();
}

void Runtime::Impl::MakeSagas(Problems& problems) {
  if (sagas.empty()) return;
  auto opened = OpenSagaStorage(*store);
  if (!opened.ok()) return problems.Note("sagas", opened.status());
  saga_storage = *std::move(opened);
  for (const SagaType& type : sagas) {
    problems.Note(absl::StrCat("saga ", type.name), MakeSaga(type));
  }
}

absl::Status Runtime::Impl::MakeSaga(const SagaType& type) {
  SagaEngineOptions engine_options;
  engine_options.slots = options.consumer_slots;
  engine_options.metrics = options.metrics;
  STELE_ASSIGN_OR_RETURN(auto handler,
                         MakeSagaEngine(type, append_store(), *saga_storage,
                                        *dispatcher, engine_options));
  ConsumerOptions consumer = SagaConsumerOptions(type, engine_options);
  consumer.lease = options.lease;
  STELE_RETURN_IF_ERROR(CheckSlots(consumer.name));
  handlers.push_back(std::move(handler));
  return Supervise<Consumer>(
      consumer.name, [this, consumer, raw = handlers.back().get()] {
        return Consumer::Create(append_store(), *raw, consumer, owner);
      });
}

void Runtime::Impl::MakeRelays(Problems& problems) {
  for (const RelaySetup& setup : relays) {
    problems.Note(absl::StrCat("relay ", setup.name), MakeRelay(setup));
  }
}

absl::Status Runtime::Impl::MakeRelay(const RelaySetup& setup) {
  RelayOptions relay;
  relay.name = setup.name;
  relay.source = absl::StrCat("/", options.service);
  relay.slots = options.consumer_slots;
  relay.lease = options.lease;
  relay.metrics = options.metrics;
  const std::string consumer = absl::StrCat("relay/", relay.name);
  STELE_RETURN_IF_ERROR(CheckSlots(consumer));
  return Supervise<Relay>(consumer, [this, setup, relay] {
    return Relay::Create(*store, *setup.broker, setup.routes, relay, owner);
  });
}

void Runtime::Impl::MakeInboxes(Problems& problems) {
  for (const InboxSetup& setup : inboxes) {
    problems.Note(absl::StrCat("inbox ", setup.options.name), MakeInbox(setup));
  }
}

absl::Status Runtime::Impl::MakeInbox(const InboxSetup& setup) {
  InboxOptions inbox = setup.options;
  inbox.lease = options.lease;
  inbox.clock = &SystemClock();
  inbox.metrics = options.metrics;
  if (inbox.storage == nullptr) {  // One for all its runs: it may be memory.
    STELE_ASSIGN_OR_RETURN(inbox.storage, OpenInboxStorage(append_store()));
  }
  return Supervise<Inbox>(
      absl::StrCat("inbox/", inbox.name),
      [this, setup, inbox]() -> absl::StatusOr<std::unique_ptr<Inbox>> {
        STELE_ASSIGN_OR_RETURN(
            auto made,
            Inbox::Create(append_store(), *setup.broker, inbox, owner));
        STELE_RETURN_IF_ERROR(InvokeUser("adding its handlers", [&] {
          setup.add_handlers(*made);
          return absl::OkStatus();
        }));
        return made;
      });
}

void Runtime::Impl::MakeWorks(Problems& problems) {
  for (WorkSetup& setup : works) {
    problems.Note(absl::StrCat("work ", setup.name), TakeName(setup.name));
    supervisor.Add(std::move(setup.name), std::move(setup.work));
  }
}

}  // namespace stele
